"""Upload of an export to the Hugging Face Hub, if `huggingface_hub` is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from semreg.core import UserError
from semreg.core.errors import cause_of


def require_hub(name: str) -> None:
    """Raise UserError if `huggingface_hub` isn't installed or has no token, and for a name that is invalid there."""
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UserError("--push", "huggingface_hub isn't installed; `pip install huggingface_hub`")
    from huggingface_hub import get_token
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except ValueError as error:
        raise UserError("--push", cause_of(error)[:300]) from error
    if get_token() is None:
        raise UserError("--push", "you are not logged in to the Hub; run `hf auth login`")


def upload(folder: Path, name: str) -> str:
    """Upload an export as a model of that name, `owner/model`, or `model` of the user; return its address.

    A new model is private until its owner publishes it. Raises UserError if the Hub rejects the upload or doesn't
    answer.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        address = api.create_repo(name, private=True, exist_ok=True)
        api.upload_folder(repo_id=address.repo_id, folder_path=folder, commit_message="Model exported by semreg")
    except Exception as error:  # of the network, of the Hub, or of a name that it doesn't allow
        said = f"{folder} is complete; try again by `hf upload {name} {folder}`"
        raise UserError("--push", f"{name} was not uploaded: {cause_of(error)[:300]}; {said}") from error
    return str(address)
