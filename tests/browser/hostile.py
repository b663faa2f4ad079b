"""Whole payloads as tokens, and what a page must not hold after it showed them."""

from __future__ import annotations

from tokenizers import Tokenizer, models, pre_tokenizers

from safr_lens.data import TextTokenizer
from safr_lens.data.tokenizer import PAD, UNK, without_surrogates
from safr_lens.visible import visible
from tests.browser.pages import plain

SEPARATOR = "\ue000"
OWN_TAGS = (
    "HTML HEAD META TITLE STYLE SCRIPT BODY MAIN HEADER SECTION DIV SPAN P H1 H2 H3 H4 STRONG EM BR IMG BLOCKQUOTE "
    "TABLE THEAD TBODY TR TH TD UL LI DL DT DD DETAILS SUMMARY LABEL SELECT OPTION CANVAS"
)
FOREIGN = """(own) => [...document.querySelectorAll('*')].filter((e) => {
  const name = e.tagName.toLowerCase();
  if (!own.split(' ').includes(e.tagName)) return true;
  if ([...e.attributes].some((a) => a.name.startsWith('on') || a.name === 'href' || a.name === 'srcdoc')) return true;
  if (name === 'img') return e.className !== 'chart' || !e.src.startsWith('data:image/svg+xml');
  if (name === 'style' || name === 'script') return e.closest('.view, table, blockquote') !== null;
  return false;
}).map((e) => e.outerHTML.slice(0, 200))"""


def whole_tokens(words: list[str]) -> TextTokenizer:
    """Return a tokenizer that splits at one private character alone."""
    vocab = {PAD: 0, UNK: 1}
    for word in words:
        vocab.setdefault(without_surrogates(word), len(vocab))
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token=UNK))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(SEPARATOR, behavior="removed")
    return TextTokenizer(tokenizer)


def seen(text: str) -> str:
    """Return a text as a page must show it, with single spaces."""
    return plain(visible(text))


def assert_nothing_ran(page) -> None:
    """No dialog, error or request, and no element that is not the view's own."""
    assert page.bad == []
    assert page.evaluate(FOREIGN, OWN_TAGS) == []
    own = page.evaluate("document.querySelectorAll('script').length")
    holders = page.evaluate("document.querySelectorAll('script[data-view]').length")
    outputs = page.evaluate("document.querySelectorAll('.safr-lens-output').length")
    assert own == holders + (2 * outputs or 1)
