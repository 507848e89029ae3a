"""What every image carries: it may import onnxruntime and numpy (in onnx_model.py alone) and the standard library."""
