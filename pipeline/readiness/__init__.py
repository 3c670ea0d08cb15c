"""Will this ONNX file run on that board? Judged from the file alone, before anything is sent anywhere."""
