"""Does capacity show superposition where its answer is known? Toy models of superposition.

Trains the models of Elhage et al. 2022 (https://transformer-circuits.pub/2022/toy_model): features x_i that are 0 with
probability S and otherwise uniform on [0, 1] are squeezed into fewer dimensions and read back by ReLU(W W^T x + b), the
rows of W being the feature vectors. Prints a table of shapes whose capacity is known (orthogonal features 1, an
antipodal pair 1/2, a pentagon 2/5), and one of many features as they get sparser: how many capacities are near the
published fractions, against uniform capacities and random directions, and whether the interference of such a feature
comes from the few others that its shape would have. Every model must keep the sum of its capacities at or below its
rank. Writes toy_models.json and two figures.

Example: python analyses/toy_models.py --seed 0
"""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from safr_lens.atomic import replacing, write_json
from safr_lens.measures.formulas.rank import effective_rank
from safr_lens.measures.formulas.superposition import capacity
from safr_lens.word_vectors.vectors import unit_rows

# capacity of a feature in each shape, and how many others it interferes with there
FRACTIONS = {"1": (1, 0), "3/4": (3 / 4, 3), "2/3": (2 / 3, 2), "1/2": (1 / 2, 1), "2/5": (2 / 5, 4), "3/8": (3 / 8, 7)}
NEAR = 0.03
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"  # told apart by colour-blind readers too
REPRESENTED = 0.5  # a vector longer than this; vectors end near 0 or near 1


@dataclass(frozen=True)
class Shape:
    """A toy model whose capacities are known."""

    name: str
    n_features: int
    dim: int
    sparsity: float
    capacity: float
    importance_decay: float = 1.0


SHAPES = [
    Shape("fewer features than dimensions", 4, 6, 0.0, 1.0),
    Shape("dense, importance 0.7^i", 20, 5, 0.0, 1.0, importance_decay=0.7),
    Shape("tetrahedron", 4, 3, 0.3, 3 / 4),
    Shape("triangle", 3, 2, 0.3, 2 / 3),
    Shape("antipodal pair", 2, 1, 0.9, 1 / 2),
    Shape("pentagon", 5, 2, 0.9, 2 / 5),
    Shape("square antiprism", 8, 3, 0.95, 3 / 8),
]


def train_toy_models(
    n_features: int,
    dim: int,
    sparsity: list[float],
    *,
    importance: Float[Tensor, " n_features"] | float = 1.0,
    steps: int = 4000,
    batch: int = 256,
    seed: int = 0,
) -> tuple[Float[Tensor, "model n_features dim"], Float[Tensor, " model"]]:
    """Train one model for each value of ``sparsity`` at once; return the feature vectors and losses on fresh inputs."""
    generator = torch.Generator().manual_seed(seed)
    active = 1 - torch.tensor(sparsity).view(-1, 1, 1)
    weights = torch.randn(len(sparsity), n_features, dim, generator=generator).div_(math.sqrt(n_features))
    bias = torch.zeros(len(sparsity), 1, n_features)
    optimizer = torch.optim.Adam([weights.requires_grad_(), bias.requires_grad_()], lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))

    def losses(n_inputs: int) -> Float[Tensor, " model"]:
        uniform = torch.rand(len(sparsity), n_inputs, n_features, generator=generator)
        inputs = torch.where(uniform < active, uniform / active, 0.0)
        outputs = torch.relu(inputs @ weights @ weights.mT + bias)
        return (importance * (inputs - outputs).square()).mean((1, 2))

    for _ in range(steps):
        optimizer.zero_grad()
        # divided, so that sparse models, whose losses are small, learn as fast as dense ones
        (losses(batch) / active.flatten()).sum().backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return weights.detach(), losses(20 * batch)


def represented(vectors: Float[Tensor, "n_features dim"]) -> Tensor:
    return vectors.norm(dim=1) > REPRESENTED


def totals(vectors: Float[Tensor, "n_features dim"]) -> dict[str, float]:
    """The sum of capacities, which the rank bounds, and the effective rank."""
    return {
        "sum_of_capacities": capacity(vectors).nansum().item(),
        "rank": int(torch.linalg.matrix_rank(vectors)),
        "effective_rank": effective_rank(vectors).item(),
    }


def measure_shape(shape: Shape, *, n_runs: int, steps: int, seed: int) -> tuple[dict, Tensor]:
    """Train a shape from several starts; return the figures and vectors of the run with the lowest loss."""
    importance = shape.importance_decay ** torch.arange(shape.n_features)
    runs, losses = train_toy_models(
        shape.n_features, shape.dim, [shape.sparsity] * n_runs, importance=importance, steps=steps, seed=seed
    )
    expected = min(shape.n_features, round(shape.dim / shape.capacity))
    found = [capacity(vectors)[represented(vectors)] for vectors in runs]
    formed = [len(values) == expected and bool((values - shape.capacity).abs().max() < NEAR) for values in found]
    best = int(losses.argmin())
    figures = {
        **asdict(shape),
        "runs": n_runs,
        "runs_that_formed_it": sum(formed),
        "lowest_loss_formed_it": formed[best],
        "capacities": found[best].tolist(),
        "bound_holds": all(within_rank(totals(vectors)) for vectors in runs),
        **totals(runs[best]),
    }
    return figures, runs[best]


def within_rank(figures: dict[str, float]) -> bool:
    return figures["sum_of_capacities"] <= figures["rank"] + 1e-4


def near_fractions(capacities: Float[Tensor, " n"]) -> Tensor:
    """Whether each capacity is near each published fraction, [n, fraction]."""
    fractions = torch.tensor([fraction for fraction, _ in FRACTIONS.values()])
    return (capacities.unsqueeze(1) - fractions).abs() <= NEAR


def share_near(capacities: Float[Tensor, " n"]) -> float | None:
    return near_fractions(capacities).any(1).float().mean().item() if len(capacities) else None


def share_in_shape(vectors: Float[Tensor, "n dim"], near: Tensor) -> dict[str, float]:
    """Of the features near a fraction: the share of interference that the other corners of its shape account for."""
    dots = (unit_rows(vectors)[0].to(vectors) @ vectors.T).square().fill_diagonal_(0.0).sort(1, descending=True).values
    found = {}
    for column, (name, (_, others)) in zip(near.T, FRACTIONS.items(), strict=True):
        if others and column.any():
            found[name] = (dots[column, :others].sum(1) / dots[column].sum(1)).mean().item()
    return found


def measure_sweep(vectors: Float[Tensor, "n_features dim"], sparsity: float, generator: torch.Generator) -> dict:
    """The figures of one model of many features."""
    kept = vectors[represented(vectors)]
    capacities = capacity(vectors)[represented(vectors)]
    near = near_fractions(capacities)
    random = torch.cat([capacity(torch.randn(kept.shape, generator=generator)) for _ in range(20)])
    return {
        "sparsity": sparsity,
        "dimensions_per_feature": vectors.shape[1] / vectors.square().sum().item(),
        "represented": len(kept),
        "capacities": sorted(capacities.tolist()),
        "near_a_fraction": share_near(capacities),
        "near_each_fraction": dict(zip(FRACTIONS, near.sum(0).tolist(), strict=True)),
        # fewer random directions than dimensions hardly meet, so they are no yardstick
        "near_if_random_directions": share_near(random) if len(kept) >= vectors.shape[1] else None,
        "interference_within_shape": share_in_shape(kept, near),
        "bound_holds": within_rank(totals(vectors)),
        **totals(vectors),
    }


def print_shapes(found: list[dict]) -> None:
    print("capacities of the represented features in the run with the lowest loss, and how many runs formed the shape")
    print(f"{'shape':30}{'n':>4}{'dim':>5}{'S':>6}{'known':>7}  measured          formed  sum <= rank   eff. rank")
    for row in found:
        values = row["capacities"]
        measured = f"{min(values):.3f} to {max(values):.3f}" if values else "none"
        print(
            f"{row['name']:30}{row['n_features']:4}{row['dim']:5}{row['sparsity']:6.2f}{row['capacity']:7.3f}  "
            f"{measured:16} {row['runs_that_formed_it']:3} of {row['runs']:<2} "
            f"{row['sum_of_capacities']:6.3f} <= {row['rank']:<4}{row['effective_rank']:8.3f}"
        )


def print_sweep(found: list[dict], chance: float) -> None:
    def percent(share: float | None) -> str:
        return "-" if share is None else f"{100 * share:.0f} %"

    def at(row: dict, name: str) -> str:
        inside = row["interference_within_shape"].get(name)
        return f"{row['near_each_fraction'][name]}" + ("" if inside is None else f" ({percent(inside)})")

    print(
        f"\nrepresented features within {NEAR} of a published fraction; uniform capacities would be: {percent(chance)}"
    )
    print("in brackets: share of their interference that comes from as many others as the shape has")
    names = "".join(f"{name:>11}" for name in FRACTIONS)
    print(f"{'1/(1-S)':>8}{'dim/||W||^2':>12}{'repr.':>6}{'near':>7}{'random':>8}{names}   sum <= rank   eff. rank")
    for row in found:
        print(
            f"{1 / (1 - row['sparsity']):8.2f}{row['dimensions_per_feature']:12.3f}{row['represented']:6}"
            f"{percent(row['near_a_fraction']):>7}{percent(row['near_if_random_directions']):>8}"
            + "".join(f"{at(row, name):>11}" for name in FRACTIONS)
            + f"  {row['sum_of_capacities']:6.2f} <= {row['rank']:<4}{row['effective_rank']:8.2f}"
        )


def save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120, metadata={"Software": None})


def draw_shapes(shapes: list[dict], vectors: list[Tensor], path: Path) -> None:
    """Draw the feature vectors of the shapes in at most two dimensions, on the unit circle."""
    shown = [(row, rows) for row, rows in zip(shapes, vectors, strict=True) if row["dim"] <= 2]
    figure = Figure(figsize=(3.3 * len(shown), 4.3), layout="constrained")
    circle = torch.linspace(0, 2 * math.pi, 200)
    for axes, (row, rows) in zip(figure.subplots(1, len(shown), sharex=True, sharey=True), shown, strict=True):
        axes.plot(circle.cos(), circle.sin(), color="0.85", linewidth=1)
        ends = torch.nn.functional.pad(rows, (0, 2 - row["dim"])).tolist()
        for (x, y), value in zip(ends, capacity(rows).tolist(), strict=True):
            axes.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": BLUE, "lw": 2, "shrinkA": 0})
            reach = 1 + 0.3 / math.hypot(x, y)
            axes.text(reach * x, reach * y, f"{value:.3f}", ha="center", va="center", fontsize=11)
        axes.set(xlim=(-1.65, 1.65), ylim=(-1.65, 1.65), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        axes.set(
            xlabel="hidden dimension 1", title=f"{row['name']}, S = {row['sparsity']:g}\nknown: {row['capacity']:.3f}"
        )
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("hidden dimension 2")
    figure.suptitle("Trained feature vectors and their measured capacities")
    save(figure, path)


def draw_sweep(sweep: list[dict], chance: float, path: Path) -> None:
    """Draw capacities as features get sparser, and how many are near the published fractions."""
    figure = Figure(figsize=(13, 4.4), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.15)
    whole, each, share = figure.subplots(1, 3)
    density = [1 / (1 - row["sparsity"]) for row in sweep]
    whole.plot(density, [row["dimensions_per_feature"] for row in sweep], "o-", color=BLUE)
    whole.set(title="The whole model", ylabel=r"dimensions per feature, dim / $\|W\|_F^2$")
    for x, row in zip(density, sweep, strict=True):
        # multiples of the golden ratio spread points evenly without order
        spread = x * 1.09 ** ((torch.arange(len(row["capacities"])) * 0.618) % 1 - 0.5)
        each.plot(spread, row["capacities"], "o", color=VERMILLION, markersize=4, alpha=0.55, markeredgewidth=0)
    each.set(title="Each represented feature", ylabel="capacity")
    for axes in (whole, each):
        mark_fractions(axes)
    for key, label, style, color in (
        ("near_a_fraction", "trained", "o-", BLUE),
        ("near_if_random_directions", "as many random directions", "s--", VERMILLION),
    ):
        drawn = [(x, row[key]) for x, row in zip(density, sweep, strict=True) if row[key] is not None]
        if drawn:
            share.plot(*zip(*drawn, strict=True), style, color=color, label=label, markersize=5)
    share.axhline(chance, color=GREEN, linestyle="-.", label="uniform capacities")
    share.set(title=f"Within {NEAR} of a fraction", ylabel="share of represented features", ylim=(-0.03, 1.4))
    share.set_yticks([0, 0.25, 0.5, 0.75, 1])
    share.legend(frameon=False, loc="upper right")
    for axes in (whole, each, share):
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set(xlim=(0.9, 9), xlabel="sparsity, 1 / (1 - S)")
        axes.spines[["top", "right"]].set_visible(False)
    save(figure, path)


def mark_fractions(axes: Axes) -> None:
    axes.set_ylim(0, 1.08)
    for name, (fraction, _) in FRACTIONS.items():
        axes.axhline(fraction, color="0.7", linewidth=0.8, linestyle=":", zorder=0)
        # 2/5 and 3/8 are too near each other for two lines of text
        place = (5, {"2/5": 4, "3/8": -5}.get(name, 0))
        right = ("axes fraction", "data")
        axes.annotate(name, (1, fraction), place, right, "offset points", va="center", fontsize=9, color="0.3")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=4000, help="training steps of every model")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "toy_models")
    parser.add_argument("--quick", action="store_true", help="20 steps of a few models, only to see that it runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    steps, n_runs, n_features, dim, n_levels = (20, 2, 40, 8, 3) if options.quick else (options.steps, 32, 200, 20, 12)

    measured = [measure_shape(shape, n_runs=n_runs, steps=steps, seed=options.seed) for shape in SHAPES]
    shapes, vectors = [row for row, _ in measured], [rows for _, rows in measured]
    print_shapes(shapes)

    sparsity = (1 - torch.logspace(0, -math.log10(8), n_levels, dtype=torch.float64)).tolist()
    models, _ = train_toy_models(n_features, dim, sparsity, steps=steps, seed=options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    sweep = [measure_sweep(model, level, generator) for model, level in zip(models, sparsity, strict=True)]
    chance = share_near(torch.linspace(0, 1, 100_001))
    print_sweep(sweep, chance)

    holds = all(row["bound_holds"] for row in shapes + sweep)
    n_models = n_runs * len(SHAPES) + n_levels
    print(f"\nsum of capacities <= rank: {'holds for all' if holds else 'FAILS for some of the'} {n_models} models")
    draw_shapes(shapes, vectors, options.out / "shapes.png")
    draw_sweep(sweep, chance, options.out / "capacity_by_sparsity.png")
    figures = {
        "seed": options.seed,
        "steps": steps,
        "versions": {"safr_lens": version("safr-lens"), "torch": torch.__version__},
        "bound_holds": holds,
        "near_if_uniform": chance,
        "shapes": shapes,
        "sweep": sweep,
    }
    write_json(options.out / "toy_models.json", figures)


if __name__ == "__main__":
    main()
