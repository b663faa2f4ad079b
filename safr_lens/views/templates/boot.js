// Draws circuitsvis components in place of their static fallbacks, and mends what keyboard and screen reader would miss.
window.safrLens ??= (() => {
  const luminance = (parts) => {
    const [r, g, b] = parts.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const legible = (background) => {
    const [r, g, b, alpha = 1] = background.match(/[\d.]+/g)?.map(Number) ?? [255, 255, 255];
    const onWhite = [r, g, b].map((part) => 255 - alpha * (255 - part));
    return luminance(onWhite) < 0.179 ? "rgb(255, 255, 255)" : "rgb(0, 0, 0)";
  };
  const mend = (target) => {
    for (const element of target.querySelectorAll("span[style*='background'], h2[style*='background'], h4[style*='background']")) {
      const color = legible(getComputedStyle(element).backgroundColor);
      if (element.style.color !== color) element.style.color = color;
    }
    const tokens = target.querySelectorAll(".colored-tokens > span");
    for (const number of target.dataset.unknown?.trim().split(" ") ?? []) tokens[number]?.classList.add("unknown");
    for (const heading of target.querySelectorAll("h2, h3, h4")) heading.setAttribute("role", "presentation");
    for (const select of target.querySelectorAll("select:not([data-mended])")) {
      const label = target.querySelector(`label[for="${select.id}"]`);
      select.dataset.mended = "";
      select.id = `${target.id}-${select.id}`;
      if (label) label.htmlFor = select.id;
    }
    for (const canvas of target.querySelectorAll("canvas:not([aria-label])")) {
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", target.getAttribute("aria-label") ?? "attention pattern");
    }
    for (const name of target.querySelectorAll("h4:not([data-mended])")) {
      const head = name.parentElement.parentElement;
      name.dataset.mended = "";
      head.tabIndex = 0;
      head.setAttribute("role", "button");
      head.setAttribute("aria-label", `show ${name.textContent}`);
      head.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); head.click(); }
      });
    }
  };
  let copies = 0;
  const place = (holder) => {
    const target = holder.parentElement.querySelector(`[id="${holder.dataset.view}"]`);
    // a front end may show an output twice, and circuitsvis finds places by their id alone
    if (target && target !== document.getElementById(target.id)) target.id = `${target.id}-copy-${++copies}`;
    return target;
  };
  const draw = (holder) => {
    if (holder.dataset.drawn !== undefined) return;
    const target = place(holder);
    if (!target) return;
    const closed = target.closest("details:not([open])");
    if (closed) {
      closed.addEventListener("toggle", () => draw(holder), { once: true });
      return;
    }
    holder.dataset.drawn = "";
    new MutationObserver(() => mend(target)).observe(target, {
      childList: true, subtree: true, attributes: true, attributeFilter: ["style"],
    });
    CircuitsVis.render(target.id, CircuitsVis[holder.dataset.component], JSON.parse(holder.textContent));
  };
  // what a narrow screen scrolls sideways, the keyboard must reach
  const reach = () => {
    for (const box of document.querySelectorAll(".safr-lens .picture, .safr-lens .view")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    }
  };
  addEventListener("load", reach);
  addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true);
  return {
    drawAll: (prefix = "") => {
      for (const holder of document.querySelectorAll("script[data-view]")) {
        if (holder.dataset.view.startsWith(prefix)) draw(holder);
      }
    },
  };
})();
for (const prefix of window.safrLensWaiting ?? []) window.safrLens.drawAll(prefix);
window.safrLensWaiting = [];
