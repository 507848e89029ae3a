"""What every image carries.

It may import the standard library, onnxruntime and numpy (in onnx_python.py alone), and Pillow (in images.py alone).
"""
