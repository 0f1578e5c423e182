"""The paper's experiment put together on a shop: the cloud, the trainings, the evaluation, the report.

Every stage keeps what it made (labels, versions, replies, scores), so a run that was killed goes on where it stopped
and a second run only writes the report again. The report is `paper.md` in a results folder, beside the evaluation's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from endcloud import whole_files
from endcloud.assembly.cloud_runs import cloud_runs
from endcloud.assembly.judging import Additions, Outcome, judge, query_example
from endcloud.assembly.known_truth import COMBINATIONS, HeldOut, convergence, scorer_qualities
from endcloud.assembly.masking import refuse_without_cloud
from endcloud.assembly.reviewing import agreement_text
from endcloud.assembly.stopwatch import Stopwatch
from endcloud.assembly.training import TrainingChoice, train_to
from endcloud.bundled.shop import load_shop
from endcloud.errors import UsageError
from endcloud.experiments.dialogue_picture import dialogue_picture
from endcloud.experiments.paper_plan import DATA, PAIRS, TRAININGS, Query, check_scale, scaled, version_name
from endcloud.experiments.paper_report import CloudRun, PaperRun, as_markdown
from endcloud.experiments.printed import Printed
from endcloud.scoring import charts
from endcloud.scoring.curves import Convergence
from endcloud.scoring.evaluation import FINAL, LISTED, WHOLE_SPLIT, Evaluation
from endcloud.scoring.pictures import Picture
from endcloud.types import AdapterVersion, Example, Message, Sampling

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop

QUESTIONS = 100  # of each held-out kind, where the truth is known
PROBE = 40  # test examples answered at every check, where it is not
FOLDER = "paper"
_TURNS = range(3, 6)  # how many questions the sample dialogue of Figure 2 has, where there is such a one


@dataclass(frozen=True, slots=True)
class PaperOptions:
    """`scale` multiplies the paper's steps, `seeds` is the number of sampled runs, `limit` bounds the test items."""

    queries: tuple[Query, ...]
    printed: Printed
    scale: float
    seeds: int = 3
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """The versions by method and the paper's steps, those by kind of data, and the names of all."""

    main: Mapping[tuple[str, int], AdapterVersion]
    data: Mapping[str, AdapterVersion]
    names: Mapping[str, str]

    def name(self, version: AdapterVersion) -> str:
        return self.names[version.digest]


@dataclass(frozen=True, slots=True)
class PaperOutcome:
    """The experiment's report and the evaluation behind it."""

    run: PaperRun
    outcome: Outcome
    report: Path

    def as_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        cloud = {one.name: one.right.mean if one.right else None for one in self.run.cloud}
        return {
            **self.outcome.as_json(),
            "report": str(self.report),
            "cloud_right": cloud,
            "versions": dict(self.outcome.digests),
            "seconds_of_this_run": dict(self.run.seconds),
        }


def paper_experiment(shop: Shop, options: PaperOptions) -> PaperOutcome:
    """Runs what has not run yet, and writes the report. The shop needs examples; labels are asked for as needed."""
    check_scale(options.scale)
    refuse_without_cloud(shop, "The paper's experiment")
    watch, folder = Stopwatch(), shop.directory.results / FOLDER
    held_out = known_truth(shop)
    with watch.stage("base model"):
        shop.base  # noqa: B018  (made or read at first use, which is what is timed)
    with watch.stage("teach"):
        shop.teach()
        if held_out:
            shop.label(examples=held_out.examples())
    probe = held_out.probe() if held_out else shop.examples("test")[:PROBE]
    trained = _train(shop, options.scale, probe, watch)
    with watch.stage("scorers"):
        qualities = scorer_qualities(shop.scorer, load_shop(), held_out.questions[COMBINATIONS]) if held_out else []
    with watch.stage("Table III"):
        cloud = _cloud(shop, options.queries, held_out)
    with watch.stage("evaluate"):
        courses = convergence(shop, _last_of_each(trained), probe)
        outcome = judge(
            shop,
            {name: digest for digest, name in trained.names.items()},
            queries=[query.chinese for query in options.queries],
            seeds=options.seeds,
            limit=options.limit,
            additions=Additions(
                asked=held_out.asked(shop) if held_out else (),
                measures=held_out.measures() if held_out else {},
                qualities=qualities,
                training=courses,
                score_label="final score",
            ),
            folder=folder,
            keep=True,
        )
    with watch.stage("pictures"):
        pictures = _pictures(shop, options.queries, trained, outcome.evaluation, courses, folder)
    run = PaperRun(
        queries=options.queries,
        printed=options.printed,
        cloud=cloud,
        evaluation=outcome.evaluation,
        names={key: trained.name(version) for key, version in trained.main.items()},
        data={kind: trained.name(version) for kind, version in trained.data.items()},
        pictures=pictures,
        about=_about(shop, options),
        seconds=watch.seconds,
        test_examples=len(shop.examples("test")),
        reviews=agreement_text(shop) or "None yet: `endcloud review prepare` makes a blind sheet of these replies.",
    )
    return PaperOutcome(run, outcome, whole_files.write(folder / "paper.md", as_markdown(run)))


def known_truth(shop: Shop) -> HeldOut | None:
    """The held-out questions where the shop is the bundled one, of which the truth is known."""
    bundled = load_shop()
    return HeldOut.of(bundled, QUESTIONS) if shop.settings.shop.name == bundled.name else None


def _train(shop: Shop, scale: float, probe: Sequence[Example], watch: Stopwatch) -> Trained:
    """All versions: one run a method at a constant rate, and LoRA's shortest on each kind of data."""
    conversations = [example.messages for example in probe]

    def run(method: str, steps: Sequence[int], data: str | None = None) -> list[AdapterVersion]:
        own = [scaled(number, scale) for number in steps]
        if len(set(own)) != len(own):
            raise UsageError(f"At the scale {scale!r} the steps {list(steps)} become {own}; give a larger one.")
        choice = TrainingChoice(method, steps=own[-1], data=data, schedule="constant")
        return train_to(shop, choice, own, probe=conversations)

    main: dict[tuple[str, int], AdapterVersion] = {}
    names: dict[str, str] = {}
    for training in TRAININGS:
        with watch.stage(f"train {training.name}"):
            versions = run(training.method, training.steps)
        for steps, version in zip(training.steps, versions, strict=True):
            main[training.name, steps] = version
            names[version.digest] = version_name(training.name, steps, scale)
    shortest, data = TRAININGS[-1].steps[0], dict[str, AdapterVersion]()
    for kind in DATA:
        with watch.stage(f"train LoRA on {kind} data"):
            [version] = [main["LoRA", shortest]] if kind == shop.settings.end.data else run("lora", [shortest], kind)
        data[kind] = version
        names.setdefault(version.digest, f"{version_name('LoRA', shortest, scale)}, {kind} data")
    return Trained(main, data, names)


def _last_of_each(trained: Trained) -> dict[str, AdapterVersion]:
    """The longest run of each method: its log holds the whole course."""
    return {
        trained.name(trained.main[training.name, training.steps[-1]]): trained.main[training.name, training.steps[-1]]
        for training in TRAININGS
    }


def _cloud(shop: Shop, queries: Sequence[Query], held_out: HeldOut | None) -> tuple[CloudRun, ...]:
    examples = [query_example(shop, query.chinese) for query in queries]
    if held_out is None:
        return cloud_runs(shop, examples, PAIRS)

    return cloud_runs(shop, examples, PAIRS, held_out.examples(), held_out.all_right)


def _pictures(
    shop: Shop,
    queries: Sequence[Query],
    trained: Trained,
    evaluation: Evaluation,
    courses: Mapping[str, Convergence],
    folder: Path,
) -> list[Picture]:
    """Figure 2, Figure 3 with five and with six axes, and the evaluation's own charts."""
    from endcloud.scoring import curves
    from endcloud.scoring.tables import charted

    shown = ["base", *(trained.name(version) for version in trained.main.values())]
    finals = {version: [result.final for result in evaluation.of(LISTED, version)] for version in shown}
    five = [place for place, query in enumerate(queries) if query.radar]
    labels = [query.chinese for query in queries]
    found = [
        _dialogue(shop, trained, evaluation, folder),
        charts.radar(
            [labels[place] for place in five],
            {version: [values[place] for place in five] for version, values in finals.items()},
            folder,
            title="Final score, the five inputs",
            name="radar-five",
        ),
        charts.radar(labels, finals, folder, title="Final score, all six inputs"),
        curves.convergence(courses, folder, versions=evaluation.versions, score_label="final score"),
        charts.bars(charted(evaluation), folder),
    ]
    return [picture for picture in found if picture]


def _dialogue(shop: Shop, trained: Trained, evaluation: Evaluation, folder: Path) -> Picture | None:
    """Figure 2: a recorded customer of the test split, answered turn by turn by the best version."""

    def score(version: AdapterVersion) -> float:
        found = evaluation.mean(trained.name(version), FINAL, part=WHOLE_SPLIT)
        return found.mean if found else 0.0

    best = max(trained.main.values(), key=score)
    asked = _questions(shop.examples("test"))
    if not asked:
        return None
    end, said = shop.end_model(best.digest), list[Message]()
    for question in asked:
        said.append(question)
        [reply] = end.answer_all([said], Sampling(max_tokens=shop.settings.end.max_tokens), shop.progress)
        said.append(Message("assistant", reply.text))
    return dialogue_picture(said, folder, end=trained.name(best))


def _questions(examples: Sequence[Example]) -> list[Message]:
    """What one customer asked: the dialogue of a fitting length with the most words, the first of equals."""
    longest: dict[str, list[Message]] = {}
    for example in examples:
        asked = [message for message in example.messages if message.role == "user"]
        if len(asked) >= len(longest.get(example.dialogue, [])):
            longest[example.dialogue] = asked
    fitting = [asked for asked in longest.values() if len(asked) in _TURNS] or list(longest.values())
    return max(fitting, key=lambda asked: sum(len(message.content) for message in asked), default=[])


def _about(shop: Shop, options: PaperOptions) -> list[str]:
    """What was run, in sentences; what is a stand-in is called so."""
    settings = shop.settings
    stand_ins = [
        name
        for name, value in (
            ("the cloud", settings.cloud.base_url),
            ("the similarity scorer", settings.scoring.similarity),
            ("the relevance scorer", settings.scoring.relevance),
        )
        if value == "stand-in"
    ]
    allowed = [query.chinese for query in options.queries if query.allowed]
    rates = {training.name: f"{_rate(shop, training.method):g}" for training in TRAININGS}
    found = [
        f"End model: {shop.base.label}, preset {settings.end.preset}; cloud: {settings.cloud.model}; learned from "
        f"{settings.end.data} data unless said otherwise; seed {settings.end.seed}; {options.seeds} sampling seeds.",
        f"Scale {options.scale:g}: the paper's 3000, 5000 and 15000 steps are "
        f"{', '.join(str(scaled(number, options.scale)) for number in (3000, 5000, 15000))} here.",
        "The paper gives no schedule. Ours: 3000, 5000 and 15000 are checkpoints of one run at a constant learning "
        f"rate ({', '.join(f'{name} {rate}' for name, rate in rates.items())}), without warm-up, last weights kept.",
    ]
    if not options.printed.source:
        found.append(
            "Which five inputs the caption of the paper's Figure 3 means is not known here: the five axes of the first "
            "radar are our guess, namely all queries but the bare number; `--printed` takes the paper's."
        )
    if allowed:
        found.append(f"{', '.join(allowed)} is sent unmasked: it is allowed by name for this run only.")
    if stand_ins:
        found.append(f"Stand-ins, so figures are not comparable with the paper's: {', '.join(stand_ins)}.")
    if settings.end.model == "bundled":
        found.append("The end model is the bundled nano model of 4 M parameters, pre-trained here.")
    if options.printed.source:
        found.append(f"Columns marked “the paper's” are as transcribed in {options.printed.source}.")
    return found


def _rate(shop: Shop, method: str) -> float:
    from endcloud.assembly.training import plan_of

    return plan_of(shop.settings.end, TrainingChoice(method))[1].learning_rate
