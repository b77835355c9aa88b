"""What a block in a site may tell of itself. Nothing has to be inherited, and every part is optional.

A block is an ``nn.Module`` that an attention factory makes for a ``Site``; its output has the shape of its input.

- ``gate(u_BCHW)``: its gate, B C 1 1 or B C H W, where ``forward(u)`` is ``u * self.gate(u)``. Blocks that have it are
  found in a network, their scaling is counted (``complexity``), and their gates are captured (``gate_taps``).
- ``gate_kind``: a ``Gate``, whose range the gate has; without it that of a sigmoid. ``over_space``: True where the gate
  differs from place to place.
- ``reset(generator)``: draws its weights. Without it they are what the constructor drew, from a stream of its site.
- ``name``: of its place, for figures. ``build_model`` gives it the name of the site where it has none.
- ``absorbable`` and ``excite(z_BC)``: see ``Absorbable``.
"""

from typing import Protocol, TypeGuard, runtime_checkable

from torch import Tensor, nn

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@runtime_checkable
class Gated(Protocol):
    """A block that scales its input by a gate: ``forward(u) == u * gate(u)``."""

    def gate(self, u_BCHW: Tensor) -> Tensor:
        """B C 1 1, or B C H W for a gate that differs from place to place."""
        ...


@runtime_checkable
class Absorbable(Gated, Protocol):
    """A gated block whose gate is a function of the means over space: ``gate(u) == excite(u.mean(dim=(2, 3)))``.

    Compiled training computes such a block together with the batch norm before it: it calls ``excite`` in fp32, with
    means that it has already, and neither ``gate`` nor ``forward``. ``absorbable`` says on the class, as an attribute
    or a property, that both equations hold. The word counts for the class that says it: a subclass that changes
    ``forward`` or ``gate`` has to say it again, otherwise it is compiled as it is written, and so is a block with
    hooks or with a method of its own put onto the instance.
    """

    absorbable: bool

    def excite(self, z_BC: Tensor) -> Tensor:
        """The gate from the means: B C -> B C 1 1."""
        ...


def is_gated(module: nn.Module) -> bool:
    """Whether a module has a method ``gate``; a part of that name, as in blocks of other libraries, is none."""
    return callable(getattr(type(module), "gate", None))


def gated_blocks(model: nn.Module) -> dict[str, nn.Module]:
    """The blocks of a network that have a gate, by their names, or their paths where they have none, in its order."""
    return {str(getattr(part, "name", path)): part for path, part in model.named_modules() if is_gated(part)}


def is_absorbable(block: nn.Module) -> TypeGuard[Absorbable]:
    """Whether a block declares itself absorbable, and no subclass, hook or patch has changed it since."""
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
