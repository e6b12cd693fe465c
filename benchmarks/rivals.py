"""What sincerity is compared with: other ways to label a text, trained on the same rows.

Each is a class with a name in `RIVALS`, which trains on labelled rows, is saved to and loaded from a folder of its own,
and turns texts into probabilities. Settings were chosen on the validation split, as those of our own model; where
cleaned text (`sincerity.cleaning`) serves a rival better than the text as it is, it gets cleaned text. Libraries are
imported where they are used, so that none of them pays for the start of another.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from training.corpus import Row

BATCH = 32
SEED = 7


class Rival(Protocol):
    """A text classifier that can be trained, kept and asked."""

    labels: Sequence[str]

    @classmethod
    def train(cls, rows: Sequence[Row], labels: Sequence[str]) -> Self: ...
    def save(self, folder: Path) -> None: ...
    @classmethod
    def load(cls, folder: Path) -> Self: ...
    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probabilities (texts, labels), in the order of `labels`."""
        ...


class Majority:
    """The labels' shares in training, whatever the text says: what any figure has to be read against."""

    def __init__(self, shares: Sequence[float], labels: Sequence[str]) -> None:
        self._shares = shares
        self.labels = labels

    @classmethod
    def train(cls, rows: Sequence[Row], labels: Sequence[str]) -> Self:
        counts = Counter(row.label for row in rows)
        return cls([counts[label] / len(rows) for label in labels], labels)

    def save(self, folder: Path) -> None:
        (folder / "model.json").write_text(json.dumps([self._shares, self.labels]), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(*json.loads((folder / "model.json").read_text("utf-8")))

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        return np.tile(np.array(self._shares, np.float64), (len(texts), 1))


class KeywordRules:
    """Regular expressions: what an hour with the guidelines and some posts gives, and many a filter is made of.

    The first rule that fits decides. Rows to train on only tell how sure the rules may be.
    """

    def __init__(self, right: float, labels: Sequence[str]) -> None:
        self._right = right
        self.labels = labels
        self._formal, self._selling = _patterns(FORMAL), _patterns(SELLING)
        (self._chatting,), (self._bare_link,) = _patterns(CHATTING), _patterns(BARE_LINK)
        self._headline = re.compile(HEADLINE)

    @classmethod
    def train(cls, rows: Sequence[Row], labels: Sequence[str]) -> Self:
        rules = cls(1, labels)
        right = sum(rules.label(row.text) == row.label for row in rows)
        return cls((right + 1) / (len(rows) + len(labels)), labels)

    def save(self, folder: Path) -> None:
        (folder / "model.json").write_text(json.dumps([self._right, self.labels]), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(*json.loads((folder / "model.json").read_text("utf-8")))

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        column = {label: i for i, label in enumerate(self.labels)}
        found = np.full((len(texts), len(column)), (1 - self._right) / (len(column) - 1))
        for row, text in enumerate(texts):
            found[row, column[self.label(text)]] = self._right
        return found

    def label(self, text: str) -> str:
        formal, selling = (
            sum(bool(pattern.search(text)) for pattern in some) for some in (self._formal, self._selling)
        )
        chatting = bool(self._chatting.search(text))
        if formal and formal >= selling:
            return "automated"
        if selling > chatting:
            return "promotional"
        if not chatting and (self._bare_link.search(text) or self._headline.search(text)):
            return "automated"
        return "conversational"


class TfidfLogisticRegression:
    """Weighted words, pairs of words and runs of two to five characters of the cleaned text; scikit-learn.

    On validation: cleaned text 0.744 macro-F1, the text as it is 0.736; C of 1, 3 and 10 within 0.003.
    """

    def __init__(self, pipeline: Any, labels: Sequence[str]) -> None:
        self._pipeline = pipeline
        self.labels = labels

    @classmethod
    def train(cls, rows: Sequence[Row], labels: Sequence[str]) -> Self:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union

        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
        characters = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True, lowercase=False, max_features=200_000
        )
        pipeline = make_pipeline(make_union(words, characters), LogisticRegression(C=3, max_iter=200, tol=1e-3))
        pipeline.fit(_cleaned([row.text for row in rows]), [row.label for row in rows])
        return cls(pipeline, labels)

    def save(self, folder: Path) -> None:
        (folder / "model.pickle").write_bytes(pickle.dumps((self._pipeline, self.labels)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(*pickle.loads((folder / "model.pickle").read_bytes()))

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        found = self._pipeline.predict_proba(_cleaned(texts))
        return np.asarray(found[:, [list(self._pipeline.classes_).index(label) for label in self.labels]])


class FastText:
    """Words, signs and runs of up to three of them, hashed and averaged (fastText).

    On validation, macro-F1: 0.738; 0.742 with 100 dimensions, six times the size; 0.730 with the table of the variant
    below; less with runs of characters, lower case, or runs of four.
    """

    CLEANED = False
    SETTINGS: ClassVar[dict[str, float]] = {"lr": 0.1, "epoch": 25, "dim": 16, "bucket": 2_000_000}

    def __init__(self, model: Any, labels: Sequence[str]) -> None:
        self._model = model
        self.labels = labels

    @classmethod
    def train(cls, rows: Sequence[Row], labels: Sequence[str]) -> Self:
        import fasttext

        with tempfile.TemporaryDirectory() as work:
            path = Path(work) / "train.txt"
            lines = zip(rows, cls._lines([row.text for row in rows]), strict=True)
            path.write_text("".join(f"__label__{row.label} {line}\n" for row, line in lines), "utf-8")
            model = fasttext.train_supervised(str(path), wordNgrams=3, thread=1, seed=SEED, verbose=0, **cls.SETTINGS)
        return cls(model, labels)

    def save(self, folder: Path) -> None:
        self._model.save_model(str(folder / "model.bin"))
        (folder / "labels.json").write_text(json.dumps(self.labels), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        import fasttext

        labels = json.loads((folder / "labels.json").read_text("utf-8"))
        return cls(fasttext.load_model(str(folder / "model.bin")), labels)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        column = {f"__label__{label}": i for i, label in enumerate(self.labels)}
        found = np.zeros((len(texts), len(column)))
        for row, (names, shares) in enumerate(zip(*self._model.predict(self._lines(texts), k=-1), strict=True)):
            found[row, [column[name] for name in names]] = shares
        return np.asarray(found / found.sum(1, keepdims=True))

    @classmethod
    def _lines(cls, texts: Sequence[str]) -> list[str]:
        """Words, signs and the clean-up's tokens with spaces between: fastText breaks at nothing else but lines."""
        return [" ".join(_TOKEN.findall(text)) for text in (_cleaned(texts) if cls.CLEANED else texts)]


class FastTextCleaned(FastText):
    """The same on cleaned text, which needs less of a table; most of its time goes into the clean-up.

    On validation, macro-F1: 0.744; 50 and 100 dimensions are within 0.002.
    """

    CLEANED = True
    SETTINGS: ClassVar[dict[str, float]] = {"lr": 0.2, "epoch": 15, "dim": 16, "bucket": 200_000}


class SpacyTextcat:
    """spaCy's tokenizer and its bag of words and pairs (`textcat`, one label a text), on cleaned text.

    On validation, macro-F1 after one epoch: 0.702 to 0.721 over four orders of the rows, the first of them taken; less
    after more epochs; 0.695 for its ensemble with a convolutional network after six, at twenty times the cost.
    """

    LEARNING_RATE, TRAINING_BATCH = 0.002, 32
    ARCHITECTURE: ClassVar[dict[str, Any]] = {
        "@architectures": "spacy.TextCatBOW.v3",
        "exclusive_classes": True,
        "ngram_size": 2,
        "no_output_layer": False,
        "length": 262_144,
    }

    def __init__(self, nlp: Any) -> None:
        self._nlp = nlp
        self.labels: Sequence[str] = nlp.get_pipe("textcat").labels

    @classmethod
    def train(cls, rows: Sequence[Row], labels: Sequence[str]) -> Self:
        import spacy
        from spacy.training import Example

        spacy.util.fix_random_seed(SEED)
        nlp = spacy.blank("en")
        textcat = nlp.add_pipe("textcat", config={"model": cls.ARCHITECTURE})
        for label in labels:
            textcat.add_label(label)
        views = _cleaned([row.text for row in rows])
        examples = [
            Example.from_dict(nlp.make_doc(view), {"cats": {label: float(label == row.label) for label in labels}})
            for row, view in zip(rows, views, strict=True)
        ]
        optimizer = nlp.initialize(lambda: examples[:500])
        optimizer.learn_rate = cls.LEARNING_RATE
        random.Random(SEED).shuffle(examples)
        for start in range(0, len(examples), cls.TRAINING_BATCH):
            nlp.update(examples[start : start + cls.TRAINING_BATCH], sgd=optimizer)
        return cls(nlp)

    def save(self, folder: Path) -> None:
        self._nlp.to_disk(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        import spacy

        return cls(spacy.load(folder))

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        views = (text or "." for text in _cleaned(texts))  # spaCy fails on a batch without a word
        docs = self._nlp.pipe(views, batch_size=256)
        found = np.array([[doc.cats[label] for label in self.labels] for doc in docs], np.float64)
        return np.asarray(found / found.sum(1, keepdims=True))


class FrozenMiniLM:
    """all-MiniLM-L6-v2 as it is published, one embedding a text, and logistic regression on these.

    On validation, after a third of the rows: macro-F1 0.648 with cleaned text, within 0.003 for C of 0.1 to 10 and with
    or without a common length of the embeddings; after an eighth, 0.630 with cleaned text and 0.611 with raw text.
    """

    def __init__(self, encoder: Any, tokenizer: Any, weight: NDArray[Any], bias: NDArray[Any], labels: Sequence[str]):
        self._encoder, self._tokenizer = encoder, tokenizer
        self._weight, self._bias = weight, bias
        self.labels = labels

    @classmethod
    def train(cls, rows: Sequence[Row], labels: Sequence[str]) -> Self:
        from sklearn.linear_model import LogisticRegression
        from transformers import AutoModel, AutoTokenizer

        from training.config import RELEASED
        from training.encoder import base_path

        path = base_path(RELEASED.base)
        encoder, tokenizer = AutoModel.from_pretrained(path).eval(), AutoTokenizer.from_pretrained(path)
        embeddings = _embeddings(encoder, tokenizer, _cleaned([row.text for row in rows]))
        linear = LogisticRegression(C=10, max_iter=1000).fit(embeddings, [labels.index(row.label) for row in rows])
        weight, bias = linear.coef_, linear.intercept_
        if len(labels) == 2:  # scikit-learn keeps the difference of the two
            weight, bias = np.vstack([0 * weight, weight]), np.append(0, bias)
        return cls(encoder, tokenizer, weight, bias, labels)

    def save(self, folder: Path) -> None:
        self._encoder.save_pretrained(folder)
        self._tokenizer.save_pretrained(folder)
        np.savez(folder / "linear.npz", weight=self._weight, bias=self._bias)
        (folder / "labels.json").write_text(json.dumps(self.labels), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        from transformers import AutoModel, AutoTokenizer

        encoder, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
        linear, labels = np.load(folder / "linear.npz"), json.loads((folder / "labels.json").read_text("utf-8"))
        return cls(encoder, tokenizer, linear["weight"], linear["bias"], labels)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        logits = _embeddings(self._encoder, self._tokenizer, _cleaned(texts)) @ self._weight.T + self._bias
        exp = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray(exp / exp.sum(1, keepdims=True))


class TransformersPipeline:
    """Our own model as most people would run it: transformers' pipeline on torch in float32, texts as they come.

    Nothing is trained: the weights are those of the shipped 8-bit graph (`training.rebuild`).
    """

    BY_LENGTH = False

    def __init__(self, model: Any, tokenizer: Any) -> None:
        from transformers import pipeline

        self._pipeline = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None)
        self.labels: Sequence[str] = list(model.config.id2label.values())

    @classmethod
    def train(cls, rows: Sequence[Row], labels: Sequence[str]) -> Self:
        from transformers import AutoTokenizer

        from sincerity.folders import DEFAULT_MODEL, model_folder
        from training.rebuild import torch_model

        folder = model_folder(DEFAULT_MODEL)
        return cls(torch_model(folder), AutoTokenizer.from_pretrained(folder))

    def save(self, folder: Path) -> None:
        self._pipeline.save_pretrained(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        return cls(AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder))

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i])) if self.BY_LENGTH else range(len(texts))
        views = _cleaned([texts[i] for i in order])
        column = {label: i for i, label in enumerate(self.labels)}
        found = np.zeros((len(texts), len(column)))
        for row, scores in zip(order, self._pipeline(views, batch_size=BATCH, truncation=True), strict=True):
            for one in scores:
                found[row, column[one["label"]]] = one["score"]
        return found


class TransformersPipelineByLength(TransformersPipeline):
    """The same by somebody who knows that a batch takes as long as its longest text."""

    BY_LENGTH = True


class Sincerity:
    """The shipped model through the public `Classifier`."""

    def __init__(self, folder: Path) -> None:
        from sincerity import Classifier

        self._folder = folder
        self._classifier = Classifier(folder, threads=len(os.sched_getaffinity(0)))
        self.labels: Sequence[str] = [str(label) for label in self._classifier.labels]

    @classmethod
    def train(cls, rows: Sequence[Row], labels: Sequence[str]) -> Self:
        from sincerity.folders import DEFAULT_MODEL, model_folder

        return cls(model_folder(DEFAULT_MODEL))

    def save(self, folder: Path) -> None:
        """Keep what inference reads."""
        unread = shutil.ignore_patterns(
            "README.md", "reference.json", "results.json", "*.png", "model.safetensors", "model.onnx"
        )
        shutil.copytree(self._folder, folder, ignore=unread, dirs_exist_ok=True)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(folder)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        predictions = self._classifier.classify(texts)
        return np.array([[prediction.scores[label] for label in self.labels] for prediction in predictions])


OURS, BASELINE = "sincerity", "majority"
RIVALS: dict[str, type[Rival]] = {
    BASELINE: Majority,
    "keyword rules": KeywordRules,
    "TF-IDF + logistic regression": TfidfLogisticRegression,
    "fastText": FastText,
    "fastText, cleaned text": FastTextCleaned,
    "spaCy textcat": SpacyTextcat,
    "frozen MiniLM + logistic regression": FrozenMiniLM,
    "transformers pipeline, as given": TransformersPipeline,
    "transformers pipeline, by length": TransformersPipelineByLength,
    OURS: Sincerity,
}
"""In the order of the table."""


def _cleaned(texts: Sequence[str]) -> list[str]:
    from sincerity.cleaning import clean

    return [clean(text).text for text in texts]


_TOKEN = re.compile(r"\[[A-Z]+\]|\w+|[^\w\s]")


def _embeddings(encoder: Any, tokenizer: Any, texts: Sequence[str]) -> NDArray[np.float32]:
    """(texts, hidden), as sentence-transformers computes them: by length, mean over the tokens, length 1."""
    import torch

    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found = np.zeros((len(texts), encoder.config.hidden_size), np.float32)
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        tokens = tokenizer(
            [texts[i] for i in batch], truncation=True, max_length=256, padding=True, return_tensors="pt"
        )
        mask = tokens["attention_mask"][..., None]
        with torch.inference_mode():
            sums = (encoder(**tokens).last_hidden_state * mask).sum(1)  # as long as the mean, but for a factor
            found[batch] = torch.nn.functional.normalize(sums).numpy()
    return found


def _patterns(lines: str) -> list[re.Pattern[str]]:
    return [re.compile(line.strip(), re.IGNORECASE | re.DOTALL) for line in lines.strip().splitlines()]


FORMAL = r"""
    \b(?:verification|security|login|access|activation|one.time|otp)\W+(?:code|password|passcode|pin)\b
    \b(?:order|invoice|ticket|case|reference|confirmation|tracking) ?(?:#|no\.?|number|id)\W
    \b(?:has|have) been (?:shipped|delivered|dispatched|received|confirmed|processed|credited|debited|approved|closed)\b
    \b(?:do not|don't) reply\b|\bno-?reply\b|\bout of (?:the )?office\b|\bauto(?:mat\w+)?[- ]?(?:reply|response)
    ^\W*(?:(?:hi|hey|hello)\W+)?(?:\w+\W+)?(?:thanks|thank you)\b.{0,20} for (?:the |your )?(?:follow|connect|contact)
    \b(?:i'm|i am) at .{2,60}(?:\(@|\bw/|https?:)|\bjust (?:posted|uploaded) an? (?:photo|video)\b
    \bi (?:liked|added|favou?rited) an? \W?youtube
    #?now ?playing\b|#np\b|\blistening to .{0,80}(?:#|https?:|last\.?fm)
    \b(?:people|person) (?:un)?followed me\b|\bnew followers?\b|\btoday stats\b|\b(?:daily|paper) is out\b|\btop stories
    \b(?:humidity|barometer|wind:|winds? (?:at|from)|rain today|forecast|mph)\b|\d ?°
    \b(?:magnitude|earthquake)\b|\bmw? ?\d\.\d\b
    \bhoroscope\b|\b(?:aries|taurus|gemini|leo|virgo|libra|scorpio|sagittarius|capricorn|aquarius|pisces)\b
    \b(?:accident|crash|incident|delays?|roadwork)\b.{0,40}\b(?:on|at|near)\b.{0,30}\b(?:i-?\d|us-?\d|hwy|exit|[am]\d)
    \b(?:shares|stocks?|nasdaq|nyse|dow|ftse)\b.{0,60}\d%
    \bjust (?:ran|completed|finished|walked|earned|unlocked|scored|reached|played)\b.{0,60}(?:#|https?:|@)
    \breminder:|\balert:|\bnotification\b|\bstatus:|\bupdate:
    ^["“'].{20,}["”']?\s*[-–—~]+ ?(?-i:[A-Z@])|\s[-–—~] ?(?-i:[A-Z][a-z.]+ [A-Z][a-z]+)\W*$
"""
"""Codes, receipts, auto-replies, app shares, weather, quakes, horoscopes, traffic, tickers, quotations."""

SELLING = r"""
    \b(?:buy|shop|sale|discount\w*|coupons?|promo\w*|deals?|offers?|voucher|bargain|clearance)\b|\d% ?off\b
    \bfree\b.{0,15}\b(?:shipping|delivery|gift|trial|entry|download|sample|ebook|webinar|tickets?|quote|consult|msg|call)
    \b(?:sign(?:ing)? up|register|subscribe|rsvp|enrol\w*|apply|donate|pre-?order|book (?:now|your)|order now)\b
    \b(?:download|click|tap|visit (?:us|our)|learn more|find out (?:more|how)|read more|get yours|link in (?:my )?bio)\b
    \b(?:check|checkout|check out)\b.{0,25}\b(?:my|our|out|new|this)\b.{0,60}https?:|\bcheck out (?:my|our)\b
    \b(?:giveaway|sweepstake\w*|enter to win|win an?\b|chance to win|prizes?|contest|winners?|claim)\b
    \b(?:join us|tickets|doors open|live (?:at|on|tonight)|don't miss|coming soon|save the date|starts? (?:at|today))\b
    \b(?:hiring|jobs?|vacanc(?:y|ies)|career|resume|recruit\w*|position|salary)\b
    \bvote\b|\bendorse\w*|\bour campaign\b|\bmake america\b|\bmaga\b|\bstand with\b|\bchip in\b|\bpetition\b
    \b(?:follow (?:me|us|back|@)|followback|f4f|teamfollow\w*|gain followers|retweet|rt (?:to|if|&)|like & share)
    \b(?:make money|earn|income|work from home|invest\w*|profit|crypto\w*|bitcoin|btc|airdrop|presale|loans?|cash)\b
    \b(?:new|latest|my|our) (?:blog|post|video|episode|podcast|single|album|track|book|article|mixtape|collection)\b
    \b(?:available (?:now|at|on|in)|out now|now (?:available|open)|introducing|launch\w*|limited (?:time|edition))
    \b(?:exclusive|today only|hurry|last chance|guarantee\w*|bonus|casino)\b
    \b(?:proud|excited|pleased|thrilled|delighted|honou?red) to (?:announce|share|be|support|partner|welcome|offer)
    \b(?:call|text|txt|reply|dm us|contact us|email us)\b.{0,30}(?:\d{4,}|\bnow\b|\btoday\b|\bfor (?:more|info))
    \bt&cs?\b|\b18\+|\bstop to\b|\bp/?msg\b
    [£$€] ?\d
    #(?:ad|sponsored|sale|giveaway|deals?|jobs?|hiring|marketing|seo|business|entrepreneur|free|win|contest|promo)\b
    \b(?:our|your) (?:customers?|clients?|team|business|website|store|brand|products?|services?|account|bank)\b
"""
"""Sales, sign-ups, prizes, events, jobs, campaigns, followers, money, own works, corporate pride, SMS spam, scams."""

CHATTING = (
    r"^@\w+|\b(?:i'm|im|i've|i'll|i'd|ur|u|gonna|wanna|yeah|nah|hate|miss|sorry)\b"
    r"|\b(?:lol|haha\w*|omg|wtf|idk|tbh|ugh|damn|shit)\b"
)
BARE_LINK = (
    r"^(?!.*\b(?:i|i'm|i've|me|my|we|we're|our|us|you|your|you're|join|new|free)\b)(?!.*[!?])"
    r".{15,}https?://\S+\W*$"
)
HEADLINE = r"^(?:(?:[A-Z0-9#]\S*|[a-z]{1,4}|[-–—|&])\s+){4,}(?:[A-Z0-9#]\S*|https?://\S+)\s*$"
