#!/usr/bin/env bash
# The papers' full settings, for a graphics card, in the order of their worth:
#
#   benchmarks/full.sh ROOT OUT [OPTION...]       # OPTION of `semreg table`, such as --device cuda --on local:4 --gpus 0.25
#
# Stopped or killed, the same command goes on: finished runs count, one that was under way continues. Every table that is whole
# is kept in benchmarks/results/full_NAME.json, which pages quote (benchmarks/keep.py); what can't be made, for want of its
# data, is told at the end, with exit code 1. ROOT holds the data sets (docs/data.md); drawn faces need none. `semreg` and
# `python` are those of the environment (PATH=.venv/bin:$PATH).
set -uo pipefail
[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
root=$(realpath "$1") out=$(realpath -m "$2")
shift 2
options=("$@")
cd "$(dirname "$0")/.."
left=()

# table NAME SEEDS RECIPE... [--set KEY=VALUE]...: makes one table, and keeps it.
table() {
  local name=full_$1 seeds=$2
  shift 2
  echo "== $name"
  semreg table "$@" --name "$name" --seeds "$seeds" --no-fallback --data-root "$root" --out "$out" "${options[@]}" &&
    python -m benchmarks.keep "$(ls -td "$out/tables/$name"-*/ | head -n 1)" --as "$name"
  local code=$?
  case $code in
    0) ;;
    129 | 130 | 143) exit $code ;;  # asked to stop
    *) left+=("$name") ;;
  esac
}

# The paper's size, on drawn faces in the place of Multi-PIE, which isn't free.
paper_size=(
  --set data.size=128
  --set 'modules.encoder_0.width=32' --set 'modules."encoder_{m}".width=32' --set 'modules."classifier_{m}".width=32'
  --set modules.decoder.width=32 --set modules.decoder.blocks=6 --set modules.critic.width=64 --set modules.critic.layers=6
  --set optimizer.lr=1e-4 --set optimizer.schedule.start=50 --set phases.main.epochs=75
)

# ATNL, Table I and the figures: what the paper says of its method against the two nearest, then all eight.
table atnl 1 recipes/mnist/{atnl,vae_tl,vae}.toml
# GM prior, Algorithm 1 at full width and length, with and without what keeps the class out of z_u.
table gm 1 recipes/gm_mnist.toml recipes/gm_mnist_without_leakage.toml
table mnist 1 recipes/mnist/*.toml
# Tables 1 and 2 of the GM prior's paper, on MNIST.
table conditional 1 recipes/gm_mnist.toml recipes/conditional/{cvae,cgan,cvae_gan}.toml
# The same at half the width, each method with a weight of the divergence of its own.
table conditional_half 1 recipes/conditional/half/*.toml
# Mixes of the papers.
table mixes 1 recipes/atnl_gm_mnist.toml recipes/atnl_gm_neighbors_mnist.toml recipes/occluded_gm_mnist.toml recipes/gm_mnist_uniform.toml
# Uniform disentanglement at the paper's size.
table uniform 1 recipes/uniform/drawn_faces.toml recipes/uniform/drawn_faces_without_dis.toml "${paper_size[@]}"
table stargan 1 recipes/uniform/stargan.toml
# ATNL's second columns: poses, photographs, few shots.
table poses 1 recipes/poses/*.toml
table objects 1 recipes/atnl_objects.toml
table few_shot 3 recipes/few_shot_mnist.toml recipes/few_shot_mnist_all.toml
# OLR: the paper's own chain, and with rows and a decoder for edits; both want CelebA.
table olr 1 recipes/olr_celeba.toml recipes/olr_edits.toml
# Tables 1 and 2 of the GM prior's paper on CIFAR-10; Multi-PIE and Extended Yale B.
table cifar10 1 recipes/conditional/cifar10/*.toml
table multipie 1 recipes/uniform_multipie.toml recipes/uniform_multipie_without_dis.toml
table yaleb 1 recipes/uniform_yaleb.toml
# Three seeds of what seeds decide.
table atnl_seeds 3 recipes/mnist/{atnl,vae_tl,vae}.toml
table conditional_seeds 3 recipes/gm_mnist.toml recipes/conditional/{cvae,cgan,cvae_gan}.toml
table mixes_seeds 3 recipes/atnl_gm_mnist.toml recipes/atnl_gm_neighbors_mnist.toml recipes/occluded_gm_mnist.toml recipes/gm_mnist_uniform.toml
table poses_seeds 3 recipes/poses/*.toml

[ ${#left[@]} -eq 0 ] || { echo "not made: ${left[*]}" >&2; exit 1; }
