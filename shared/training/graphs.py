"""Rename tensors in an ONNX graph."""

from __future__ import annotations

import onnx


def rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Rename tensors, all at once. Another tensor that already has one of the new names gets a
    free one.

    names: new names by old ones. Raises ValueError when two tensors would have the same name.
    """
    there = {name for node in graph.node for name in (*node.input, *node.output)}
    there |= {value.name for value in (*graph.input, *graph.output, *graph.initializer)}
    taken = set(names.values())
    if len(taken) < len(names):
        raise ValueError(f"two tensors would have one name: {', '.join(sorted(names.values()))}")
    new = dict(names)
    for name in sorted(taken & there - names.keys()):
        free = f"{name}_"
        while free in there | taken:
            free += "_"
        new[name] = free
        taken.add(free)
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = new.get(value.name, value.name)
