"""Published text-to-image models: Stable Diffusion 1.x, 2.x and XL, through diffusers.

A sample is a latent of the pipeline's autoencoder, (4, side / 8, side / 8); a condition is a prompt
that `describe` was given, and no condition the empty prompt. Networks that predict v are read as
predicting noise: ε = sqrt(ᾱ) v + sqrt(1 - ᾱ) z.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.data.hub import first_line
from iterun.errors import ConfigError
from iterun.models.forms import wrong_form
from iterun.models.pipeline_files import OFFLINE, fingerprint, lora_file
from iterun.models.pipeline_loading import from_pretrained
from iterun.types import DiffusionModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import torch
    from torch import Tensor, nn

    from iterun.types import Placement, Shown

__all__ = ["Pipeline", "fingerprint", "load"]

#: layers of the U-Net that published consistency adapters sit on
LAYERS = (
    "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2",
    "conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv",
    "time_emb_proj",
)  # fmt: skip


@dataclass(kw_only=True)
class Pipeline:
    """A pipeline in memory (types.DiffusionModel, types.WordConditioned)."""

    name: str
    place: Placement
    settings: Mapping[str, Any]  #: where its files are
    lcm_lora: str | None
    n_labels: int = 1
    lora_targets: Sequence[str] = LAYERS
    shape: tuple[int, ...] = field(init=False)
    module: nn.Module = field(init=False)
    alphas_bar: Tensor = field(init=False)
    pipe: Any = field(init=False, repr=False)  #: diffusers'
    _embedded: list[dict[str, Tensor]] = field(init=False, repr=False)  # one a prompt, then of none

    def prepare(self, shown: Shown) -> None:
        import torch

        for _ in shown(range(1), f"loading {self.name}"):
            self.pipe = from_pretrained(self.settings, self.name, self.place)
        unet = self.module = self.pipe.unet
        side = int(unet.config.sample_size)
        self.shape = (int(unet.config.in_channels), side, side)
        self._kind = str(self.pipe.scheduler.config.prediction_type)
        if self._kind not in ("epsilon", "v_prediction"):
            raise ConfigError(
                f"model={self.name} predicts neither noise nor v but {self._kind}",
                hint=f"take another model, or {OFFLINE}",
            )
        betas = self.pipe.scheduler.alphas_cumprod
        self.alphas_bar = betas.to(self.place.device, torch.float32)
        self.describe([""])

    def describe(self, prompts: Sequence[str]) -> None:
        import torch

        with torch.no_grad():
            texts = [self._embed(prompt) for prompt in prompts]
        self._embedded = [with_words for with_words, _ in texts] + [texts[0][1]]
        self.n_labels = len(prompts)

    def eps(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        import torch

        rows = label.tolist()
        words = {
            key: torch.cat([self._embedded[k][key] for k in rows]) for key in self._embedded[0]
        }
        extra = {}
        if "text_embeds" in words:
            pooled, sizes = words["text_embeds"], words["time_ids"]
            extra = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": sizes}}
        found = self.module(
            x.to(self.pipe.unet.dtype), t, encoder_hidden_states=words["prompt"], **extra
        )
        out: Tensor = found.sample.float()
        if self._kind == "epsilon":
            return out
        abar = self.alphas_bar[t].reshape(-1, 1, 1, 1)
        return abar.sqrt() * out + (1 - abar).sqrt() * x

    def decode(self, x: Tensor) -> Tensor:
        import torch

        vae = self.pipe.vae
        with torch.no_grad(), self._decoder() as dtype:
            # One by one: the decoder takes more memory than all the rest.
            parts = [
                vae.decode(one[None].to(dtype) / vae.config.scaling_factor).sample.float()
                for one in x
            ]
        return ((torch.cat(parts) + 1) / 2).clamp(0, 1)

    def adapter(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Adapters of the U-Net under the names that `load_lora_weights` reads."""
        return {f"unet.{name}": value for name, value in tensors.items()}

    def load_lora(self, source: str) -> None:
        setting = f"task.lora={source}"
        path = lora_file(source, setting)
        try:
            self.pipe.load_lora_weights(str(path.parent), weight_name=path.name)
        except (ValueError, RuntimeError, KeyError, OSError) as error:
            raise ConfigError(
                f"{setting} does not go with model={self.name}: {first_line(error)}",
                hint="take an adapter made for this model or for one it was tuned from",
            ) from error
        self.module.requires_grad_(requires_grad=False)

    def _embed(self, prompt: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What the network takes for a prompt, and for none."""
        import torch

        found = self.pipe.encode_prompt(
            prompt=prompt,
            device=torch.device(self.place.device),
            num_images_per_prompt=1,
            do_classifier_free_guidance=True,
        )
        words, nothing = {"prompt": found[0]}, {"prompt": found[1]}
        if len(found) == 4:  # XL: the pooled text, and sizes that it was trained to be told
            pixels = self.shape[1] * self.pipe.vae_scale_factor
            sizes = torch.tensor([[pixels, pixels, 0, 0, pixels, pixels]], device=found[2].device)
            words |= {"text_embeds": found[2], "time_ids": sizes.to(found[2].dtype)}
            nothing |= {"text_embeds": found[3], "time_ids": words["time_ids"]}
        return words, nothing

    def _decoder(self) -> Any:
        """The autoencoder's dtype; XL's overflows in half precision and is float32 in here."""
        from contextlib import contextmanager

        import torch

        @contextmanager
        def widened() -> Iterator[torch.dtype]:
            vae = self.pipe.vae
            usual = vae.dtype
            if usual != torch.float16 or not vae.config.force_upcast:
                yield usual
                return
            vae.to(torch.float32)
            try:
                yield torch.float32
            finally:
                vae.to(usual)

        return widened()


def load(
    form: type,
    place: Placement,
    *,
    name: str,
    kinds: Sequence[str] | None = None,
    lcm_lora: str | None = None,
    id: str | None = None,
    folder: str | None = None,
    revision: str | None = None,
) -> Pipeline:
    """The pipeline of a `conf/model/*.yaml`; nothing is fetched before `prepare`.

    Args:
        form: `types.DiffusionModel`.
        place: device and dtype.
        name: as typed after `model=`.
        kinds: what the choice can be used as; judged before this is called.
        lcm_lora: the published adapter for few steps: OWNER/NAME.
        id: OWNER/NAME on the hub.
        folder: that diffusers saved, in place of the hub.
        revision: branch or commit.

    Raises:
        ConfigError: another form is asked for.
    """
    if form is not DiffusionModel:
        raise wrong_form(name, "a diffusion pipeline", form, kinds or ["diffusion"])
    where = {"name": name, "id": id, "folder": folder, "revision": revision}
    return Pipeline(name=name, place=place, settings=where, lcm_lora=lcm_lora)
