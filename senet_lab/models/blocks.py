"""What a block in a site may declare about itself. It needs no base class but ``nn.Module``; each part is optional.

A block is an ``nn.Module`` that an attention factory makes for a ``Site``. Its output has the shape of its input.

- ``gate(u_BCHW)``: returns the gate, B C 1 1 or B C H W; 1 stands for every image or channel. It requires that
  ``forward(u)`` is ``u * self.gate(u)`` and calls this method. A block with it is found in a network, its scaling is
  counted (``complexity``), and its gate is captured (``gate_taps``).
- ``gate_kind``: the ``Gate`` whose range the gate has. Without it a sigmoid's range, 0 to 1, is assumed.
- ``over_space``: True where the gate differs from position to position.
- ``reset(generator)``: draws the block's weights. A block without it keeps the weights that its constructor drew; the
  constructor runs on a random stream of its site.
- ``name``: the block's name in figures. ``build_model`` gives a block without a name the name of its site.
- ``absorbable`` and ``excite(z_BC)``: see ``Absorbable``.
"""

from typing import Protocol, TypeGuard, runtime_checkable

from torch import Tensor, nn

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@runtime_checkable
class Gated(Protocol):
    """A block that scales its input by a gate: ``forward(u) == u * gate(u)``."""

    def gate(self, u_BCHW: Tensor) -> Tensor:
        """The gate: B C 1 1, or B C H W where it differs from position to position."""
        ...


@runtime_checkable
class Absorbable(Gated, Protocol):
    """A gated block whose gate is a function of the means over space: ``gate(u) == excite(u.mean(dim=(2, 3)))``.

    Compiled training computes such a block together with the batch norm before it. It calls ``excite`` in fp32 with
    the means that batch norm has computed, and calls neither ``gate`` nor ``forward``. A class declares with
    ``absorbable``, an attribute or a property, that this equation and the one of ``Gated`` hold. The declaration holds
    for that class only: a subclass that changes ``forward`` or ``gate`` has to declare it again. Without it a block is
    compiled as it is written; so is a block with hooks, or with a method replaced on the instance.
    """

    absorbable: bool

    def excite(self, z_BC: Tensor) -> Tensor:
        """The gate from the means over space: B C -> B C 1 1."""
        ...


def is_gated(module: nn.Module) -> bool:
    """Whether a module has a method ``gate``. A submodule of that name, as other libraries have it, does not count."""
    return callable(getattr(type(module), "gate", None))


def gated_blocks(model: nn.Module) -> dict[str, nn.Module]:
    """The blocks of a network that have a gate, in the network's order, by name.

    A block without a name, or with one that an earlier block has, goes by its path. What lies inside a block is a part
    of its gate, and no block of its own.
    """
    found: dict[str, nn.Module] = {}
    outer = None
    for path, part in model.named_modules():
        if is_gated(part) and not (outer is not None and path.startswith(f"{outer}.")):
            outer = path
            name = str(getattr(part, "name", path))
            found[path if name in found else name] = part
    return found


def is_absorbable(block: nn.Module) -> TypeGuard[Absorbable]:
    """Whether a block's class declares it absorbable, and no subclass, hook or patch has changed what it computes."""
    kind = type(block)
    declares = _definer(kind, "absorbable")
    if declares is None or is_patched(block) or has_hooks(block) or not block.absorbable:
        return False
    return all(issubclass(declares, _definer(kind, name) or object) for name in ("forward", "gate", "__call__"))


def is_plain(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a module is of exactly this type, with nothing changed or hooked on it."""
    return type(module) is kind and not is_patched(module) and not has_hooks(module)


def is_patched(module: nn.Module) -> bool:
    """Whether a method of a module's class is replaced on the instance."""
    return any(callable(getattr(type(module), name, None)) for name in vars(module))


def has_hooks(module: nn.Module) -> bool:
    """Whether hooks are registered on the module itself."""
    return any(getattr(module, hooks) for hooks in HOOKS)


def _definer(kind: type, name: str) -> type | None:
    return next((base for base in kind.__mro__ if name in vars(base)), None)
