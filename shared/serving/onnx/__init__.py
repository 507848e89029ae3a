"""ONNX Runtime behind one interface: see model.py."""
