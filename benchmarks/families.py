"""The families of shipped recipes, each shrunk to a run of seconds on data that come with the packages.

`benchmarks.bits` compares two checkouts by them, `benchmarks.kills` kills them; both want every way that a recipe
trains. Standard library alone: it is read under another checkout's packages, too.
"""

from __future__ import annotations

NO_DATA = "nothing"
"""A data root without data: recipes use their fallback."""

ONE_EPOCH = ["phases.main.epochs=1"]
DIGITS = ["data.use=digits", "data.size=16", "data.batch_size=64", *ONE_EPOCH]
FALLBACK_DIGITS = ["fallback.data.size=16", *ONE_EPOCH]
SMALL_GM = [
    *FALLBACK_DIGITS,
    "modules.encoder_s.widths=[8, 16]", "modules.encoder_s.hidden=[32]", "modules.encoder_u.widths=[8, 16]",
    "modules.encoder_u.hidden=[32]", "modules.decoder.widths=[16, 8]", "modules.decoder.hidden=[32]",
    "modules.classifier.hidden=[16]", "evaluate.leakage.count=400", "evaluate.leakage.epochs=3",
    "evaluate.diversity.count=3", "without=['evaluate.codes']",
]  # fmt: skip
SMALL_CRITIC = ["modules.critic.widths=[8, 16]"]
CONDITIONAL = [
    *FALLBACK_DIGITS, "modules.decoder.widths=[16, 8]", "modules.decoder.hidden=[32]", "evaluate.diversity.count=3",
]  # fmt: skip
WITH_CODE = [
    "modules.encoder_u.widths=[8, 16]", "modules.encoder_u.hidden=[32]", "evaluate.leakage.count=400",
    "evaluate.leakage.epochs=3",
]  # fmt: skip
SMALL_AUTOENCODER = [
    "modules.encoder.widths=[8, 16]", "modules.encoder.hidden=[32]", "modules.decoder.widths=[16, 8]",
    "modules.decoder.hidden=[32]", "modules.encoder.outputs=16", "evaluate.codes.count=100", "evaluate.order.pairs=40",
    "evaluate.between.pairs=40",
]  # fmt: skip
SMALL_VAE = [*SMALL_AUTOENCODER[:-4], *SMALL_AUTOENCODER[-3:], "modules.encoder.outputs=16", "modules.prior.size=8"]
FEW_FACES = [
    "fallback.data.count=240", "fallback.data.size=16", "fallback.data.pictures_per_person=12", "data.batch_size=16",
    *ONE_EPOCH,
]  # fmt: skip
SMALL_UNIFORM = [
    *FEW_FACES, "fallback.modules.critic.layers=2",
    *(f"modules.{name}.width=2" for name in ("encoder_0", "decoder", "critic", "'encoder_{m}'", "'classifier_{m}'")),
]  # fmt: skip
OLR = [
    "fallback.data.count=160", "data.batch_size=16", "phases.classifier.epochs=1", "phases.siamese.epochs=1",
    "phases.decoder.epochs=1", "modules.decoder.width=0.1", "fallback.modules.siamese.channels=[8, 16]",
    "fallback.modules.classifier.widths=[8, 16]", "evaluate.editing.count=4", "evaluate.editing_unscaled.count=4",
]  # fmt: skip


def _judged(*evaluations: str) -> list[str]:
    """A judge of few pictures, of the same people."""
    few = "{ first = 240, count = 240, pictures_per_person = 12, split = { train = 0.9 } }"
    return [f"evaluate.{name}.judge_data={few}" for name in evaluations]


FAMILIES: dict[str, list[str]] = {
    "vae_digits": ONE_EPOCH,
    "autoencoders/iwae": ONE_EPOCH,
    "quantized/residual": ONE_EPOCH,
    "atnl_mnist": [*FALLBACK_DIGITS, *SMALL_VAE],
    "atnl_poses": ["data.size=16", "data.count=140", "data.batch_size=32", *ONE_EPOCH, *SMALL_VAE[:-2],
                   "modules.encoder.outputs=16", "modules.prior.size=8", "evaluate.codes.perplexity=5"],
    "few_shot_mnist": ["fallback.data.size=16", *ONE_EPOCH, "evaluate.few_shot.iterations=20",
                       "evaluate.few_shot_spherical.iterations=20"],
    "mnist/ae": [*DIGITS, *SMALL_AUTOENCODER],
    "mnist/aae": [*DIGITS, *SMALL_AUTOENCODER, "modules.critic.hidden=[16]", "modules.prior.size=16"],
    "mnist/acai": [*DIGITS, *SMALL_AUTOENCODER],
    "mnist/vae_tl": [*DIGITS, *SMALL_VAE],
    "mnist/vae_tnl": [*DIGITS, *SMALL_VAE],
    "atnl_gm_mnist": [*SMALL_GM, *SMALL_CRITIC, "evaluate.order.pairs=40"],
    "gm_mnist": [*SMALL_GM, *SMALL_CRITIC],
    "gm_semi": [*SMALL_GM, *SMALL_CRITIC, "phases.unlabelled.epochs=1"],
    "gm_mnist_uniform": [*SMALL_GM, *SMALL_CRITIC],
    "occluded_gm_mnist": [*SMALL_GM, *SMALL_CRITIC],
    "gm_mnist_without_leakage": [*SMALL_GM, *SMALL_CRITIC],
    "conditional/cvae": [*CONDITIONAL, *WITH_CODE],
    "conditional/cgan": [*CONDITIONAL, *SMALL_CRITIC],
    "conditional/cvae_gan": [*CONDITIONAL, *WITH_CODE, *SMALL_CRITIC],
    "gm_toy": [*ONE_EPOCH, "evaluate.leakage.count=400", "evaluate.leakage.epochs=3"],
    "toy/cvae_gan": ONE_EPOCH,
    "olr_celeba": OLR,
    "uniform_multipie": [*SMALL_UNIFORM,
                         *_judged("synthesis", "transfer", "interpolation", "interpolation_illumination",
                                  "interpolation_identity")],
    "uniform_yaleb": [*SMALL_UNIFORM,
                      *_judged("transfer", "interpolation_illumination", "interpolation_identity")],
    "uniform_ablation": [*FEW_FACES, "fallback.data.count=1200",
                         *(f"evaluate.{name}.points=10" for name in ("hopkins", "hopkins_pca", "hopkins_tsne"))],
}  # fmt: skip
"""For each recipe the changes that shrink it, as `--set` takes them."""
