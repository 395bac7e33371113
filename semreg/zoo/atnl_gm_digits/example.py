"""Runs the modules of this folder; it only needs PyTorch."""

import torch

with open("example.ppm", "rb") as file:  # Pillow's np.asarray(image.convert("RGB")) does as well
    _, size, _ = (file.readline() for _ in range(3))
    width, height = map(int, size.split())
    images = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).view(1, height, width, 3)
codes = torch.export.load("encoder.pt2").module()(images)
print("z_s", "z_u", *(code.shape for code in codes))
(images,) = torch.export.load("decoder.pt2").module()(*(0.9 * code for code in codes))
pixels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)[0].expand(3, -1, -1)
height, width = pixels.shape[1:]
with open("decoded.ppm", "wb") as file:
    file.write(f"P6\n{width} {height}\n255\n".encode() + bytes(pixels.movedim(0, 2).flatten().tolist()))
