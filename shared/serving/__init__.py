"""What every image carries: it may import the standard library, and in onnx_python.py alone onnxruntime and numpy."""
