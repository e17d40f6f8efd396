"""Steps a second of a projector that takes one image at a time, in plain PyTorch operations: what `rimforge bench project`
is set against in docs/performance.md. Run: `python benches/one_at_a_time.py [STEPS]` (needs torch and numpy).

The small network at 64x64 with random weights, written from the papers (Karras et al. 2020): kernels modulated for each image
and grouped convolution, noise maps and w under Adam, features of a VGG-like net with four blocks (16 to 128 channels), the
maps' autocorrelation at every scale. Only time is measured: values are those of no network.
"""

import sys
from math import sqrt
from time import perf_counter

import torch
import torch.nn.functional as F

SIDE, W, BASE, MOST, CLAMP = 64, 128, 1024, 64, 256.0
SIDES = [4, 8, 16, 32, 64]


def channels(side):
    return min(BASE // side, MOST)


def fir(x, padding, gain):
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = (gain * torch.outer(taps, taps)).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(x, padding), kernel, groups=x.shape[1])


def upsample(x):
    spread = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    spread[:, :, ::2, ::2] = x
    return fir(spread, (2, 1, 2, 1), 4)


def modulated(x, weight, styles, demodulate, up):
    batch, outputs, inputs = len(x), weight.shape[0], weight.shape[1]
    kernels = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        kernels = kernels * (kernels.square().sum((2, 3, 4)) + 1e-8).rsqrt()[:, :, None, None, None]
    x = x.reshape(1, batch * inputs, *x.shape[2:])
    if up:
        kernels = kernels.transpose(1, 2).reshape(batch * inputs, outputs, 3, 3)
        x = F.conv_transpose2d(x, kernels, stride=2, groups=batch)
    else:
        padding = weight.shape[2] // 2
        x = F.conv2d(x, kernels.reshape(batch * outputs, inputs, *weight.shape[2:]), padding=padding, groups=batch)
    x = x.reshape(batch, outputs, *x.shape[2:])
    return fir(x, (1, 1, 1, 1), 4) if up else x


class Layer:
    def __init__(self, inputs, outputs, kernel=3):
        self.weight = torch.randn(outputs, inputs, kernel, kernel)
        self.affine, self.bias = torch.randn(inputs, W) / sqrt(W), torch.zeros(outputs)

    def styled(self, x, w, noise, up):
        x = modulated(x, self.weight, F.linear(w, self.affine) + 1, True, up) + noise * 0.1
        return (F.leaky_relu(x + self.bias[:, None, None], 0.2) * sqrt(2)).clamp(-CLAMP, CLAMP)

    def image(self, x, w):
        styles = (F.linear(w, self.affine) + 1) / sqrt(self.weight.shape[1])
        return modulated(x, self.weight, styles, False, False).clamp(-CLAMP, CLAMP)


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    torch.manual_seed(1)
    constant = torch.randn(1, channels(4), 4, 4)
    blocks, before = [], channels(4)
    for side in SIDES:
        own = channels(side)
        blocks.append(([] if side == 4 else [Layer(before, own)]) + [Layer(own, own), Layer(own, 1, 1)])
        before = own
    widths = [1, 16, 32, 64, 128]
    vgg = [
        [torch.randn(b, c, 3, 3) * sqrt(2 / (9 * c)) for c in (a, b)] for a, b in zip(widths, widths[1:])
    ]

    def synthesis(w, maps):
        x, image, at = constant, None, iter(maps)
        for convolutions in blocks:
            for i, layer in enumerate(convolutions[:-1]):
                x = layer.styled(x, w, next(at), up=len(convolutions) == 3 and i == 0)
            added = convolutions[-1].image(x, w)
            image = added if image is None else upsample(image) + added
        return image

    def features(x):
        found = []
        for i, (first, second) in enumerate(vgg):
            x = F.avg_pool2d(x, 2) if i else x
            x = F.conv2d(F.conv2d(x, first, padding=1).relu(), second, padding=1).relu()
            unit = x / (x.square().sum(1, keepdim=True) + 1e-10).sqrt()
            found.append((unit / sqrt(x.shape[2] * x.shape[3])).flatten(1))
        return torch.cat(found, 1)

    target = features(torch.randn(1, 1, SIDE, SIDE) * 0.3)
    w = torch.zeros(1, W, requires_grad=True)
    sides = [4] + [side for side in SIDES[1:] for _ in range(2)]
    maps = [torch.randn(1, 1, side, side, requires_grad=True) for side in sides]
    adam = torch.optim.Adam([w, *maps], lr=0.1, betas=(0.9, 0.999))

    def step():
        image = synthesis(w + torch.randn_like(w) * 0.05, maps)
        loss = (features(image) - target).square().sum()
        for noise in maps:
            while True:
                loss = loss + 1e5 * (noise * noise.roll(1, 3)).mean().square()
                loss = loss + 1e5 * (noise * noise.roll(1, 2)).mean().square()
                if noise.shape[2] <= 8:
                    break
                noise = F.avg_pool2d(noise, 2)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        with torch.no_grad():
            for noise in maps:
                noise -= noise.mean()
                noise *= noise.square().mean().rsqrt()

    for _ in range(5):
        step()
    start = perf_counter()
    for _ in range(steps):
        step()
    print(f"{steps / (perf_counter() - start):.1f} image steps/s, {torch.get_num_threads()} threads, torch {torch.__version__}")


main()
