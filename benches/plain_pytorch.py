"""Training images a second of StyleGAN2-ADA in plain PyTorch operations, the way that published code goes: kernels
modulated for each image and grouped convolution, the filter apart, bias, noise and activation as operations of their own,
R1 and path lengths by torch's own second derivatives, torch's Adam. `rimforge bench train` is set against it by turns:

    python benches/plain_pytorch.py [small|paper] [--threads N] [--repetitions N]     (needs torch)
    rimforge bench train --net small|paper

Written from the papers (Karras et al. 2019, 2020a, 2020b); 64x64 pixels, one channel, random weights and images: only time is
measured. Without augmentation, as at p = 0, where training begins. Both print the float32 rate of one large convolution beside it,
and every number is the best of the repetitions.
"""

import argparse
from math import sqrt
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import nn

SIDE, CLAMP, GROUP = 64, 256.0, 4
SIDES = [4, 8, 16, 32, 64]
# Channel base, most channels, length of z and w, layers of the mapping, images a step.
NETS = {"small": (1024, 64, 128, 2, 32), "paper": (16384, 512, 512, 2, 8)}


def fir(x, padding, gain=1.0):
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = (gain * torch.outer(taps, taps)).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(x, padding), kernel, groups=x.shape[1])


def upsample(x):
    spread = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    spread[:, :, ::2, ::2] = x
    return fir(spread, (2, 1, 2, 1), 4)


def active(x, bias, gain=sqrt(2)):
    x = F.leaky_relu(x + bias.view(1, -1, *[1] * (x.dim() - 2)), 0.2) * gain
    return x.clamp(-CLAMP * gain, CLAMP * gain) if x.dim() == 4 else x


class Linear(nn.Module):
    def __init__(self, inputs, outputs, act=False, multiplier=1.0, bias=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / multiplier)
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self.gain, self.multiplier, self.act = multiplier / sqrt(inputs), multiplier, act

    def forward(self, x):
        x = x @ (self.weight * self.gain).t()
        bias = self.bias * self.multiplier
        return active(x, bias) if self.act else x + bias


class Modulated(nn.Module):
    def __init__(self, inputs, outputs, w, kernel=3, up=False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.affine, self.up, self.styled = Linear(w, inputs, bias=1.0), up, kernel == 3
        self.bias, self.strength = nn.Parameter(torch.zeros(outputs)), nn.Parameter(torch.zeros([]))

    def forward(self, x, w, noise=None):
        batch, (outputs, inputs, side, _) = len(x), self.weight.shape
        styles = self.affine(w)
        if not self.styled:
            styles = styles / sqrt(inputs)
        kernels = self.weight[None] * styles[:, None, :, None, None]
        if self.styled:
            kernels = kernels * (kernels.square().sum((2, 3, 4)) + 1e-8).rsqrt()[:, :, None, None, None]
        x = x.reshape(1, batch * inputs, *x.shape[2:])
        if self.up:
            kernels = kernels.transpose(1, 2).reshape(batch * inputs, outputs, side, side)
            x = F.conv_transpose2d(x, kernels, stride=2, groups=batch)
        else:
            x = F.conv2d(x, kernels.reshape(batch * outputs, inputs, side, side), padding=side // 2, groups=batch)
        x = x.reshape(batch, outputs, *x.shape[2:])
        if self.up:
            x = fir(x, (1, 1, 1, 1), 4)
        if not self.styled:
            return (x + self.bias.view(1, -1, 1, 1)).clamp(-CLAMP, CLAMP)
        return active(x + noise * self.strength, self.bias)


class Generator(nn.Module):
    def __init__(self, channels, z, layers):
        super().__init__()
        self.mapping = nn.Sequential(*[Linear(z, z, act=True, multiplier=0.01) for _ in range(layers)])
        self.constant = nn.Parameter(torch.randn(1, channels(4), 4, 4))
        self.blocks, before = nn.ModuleList(), channels(4)
        for side in SIDES:
            own = channels(side)
            first = [] if side == 4 else [Modulated(before, own, z, up=True)]
            self.blocks.append(nn.ModuleList(first + [Modulated(own, own, z), Modulated(own, 1, z, kernel=1)]))
            before = own

    def synthesis(self, ws):
        x, image, at = self.constant.expand(len(ws), -1, -1, -1), None, 0
        for side, block in zip(SIDES, self.blocks):
            for layer in block[:-1]:
                x = layer(x, ws[:, at], torch.randn(len(ws), 1, side, side))
                at += 1
            added = block[-1](x, ws[:, at])
            image = added if image is None else upsample(image) + added
        return image

    def latents(self, batch, z):
        def mapped():
            drawn = torch.randn(batch, z)
            return self.mapping(drawn * (drawn.square().mean(1, keepdim=True) + 1e-8).rsqrt())

        count = 2 * len(SIDES)
        ws, second = (mapped()[:, None].repeat(1, count, 1) for _ in range(2))
        cutoff = torch.randint(1, count, (batch, 1, 1))
        return torch.where(torch.arange(count).view(1, -1, 1) < cutoff, ws, second)


class Conv(nn.Module):
    def __init__(self, inputs, outputs, kernel=3, down=False, act=True, gain=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if act else None
        self.scale, self.down, self.gain = 1 / sqrt(inputs * kernel**2), down, gain

    def forward(self, x):
        kernel = self.weight * self.scale
        side = kernel.shape[2]
        if self.down:
            x = F.conv2d(fir(x, (side // 2 + 1,) * 4), kernel, stride=2)
        else:
            x = F.conv2d(x, kernel, padding=side // 2)
        return x * self.gain if self.bias is None else active(x, self.bias, self.gain * sqrt(2))


class Discriminator(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.image = Conv(1, channels(SIDE), kernel=1)
        self.blocks = nn.ModuleList()
        for side in reversed(SIDES[1:]):
            here, below, half = channels(side), channels(side // 2), sqrt(0.5)
            parts = [Conv(here, here), Conv(here, below, down=True, gain=half)]
            self.blocks.append(nn.ModuleList(parts + [Conv(here, below, 1, down=True, act=False, gain=half)]))
        last = channels(4)
        self.conv, self.full = Conv(last + 1, last), Linear(16 * last, last, act=True)
        self.out = Linear(last, 1)

    def forward(self, x):
        x = self.image(x)
        for first, second, skip in self.blocks:
            x = second(first(x)) + skip(x)
        y = x.reshape(GROUP, -1, *x.shape[1:])
        y = ((y - y.mean(0)).square().mean(0) + 1e-8).sqrt().mean((1, 2, 3))
        x = torch.cat([x, y.view(-1, 1, 1, 1).repeat(GROUP, 1, *x.shape[2:])], 1)
        return self.out(self.full(self.conv(x).flatten(1)))


def convolution_rate(seconds):
    x = torch.randn(8, 512, 32, 32, requires_grad=True)
    w = torch.randn(512, 512, 3, 3, requires_grad=True)
    took = seconds(lambda: torch.autograd.grad(F.conv2d(x, w, padding=1).sum(), [x, w]))
    return 6 * 8 * 512 * 512 * 9 * 1024 / took / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("net", nargs="?", choices=NETS, default="small")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    base, most, z, layers, batch = NETS[given.net]

    def channels(side):
        return min(base // side, most)

    def seconds(work):
        work()
        taken = []
        for _ in range(given.repetitions):
            start = perf_counter()
            work()
            taken.append(perf_counter() - start)
        return min(taken)

    generator, discriminator = Generator(channels, z, layers), Discriminator(channels)
    adam = {
        net: torch.optim.Adam(net.parameters(), lr=2.5e-3, betas=(0.0, 0.99), eps=1e-8)
        for net in (generator, discriminator)
    }
    reals = torch.randn(batch, 1, SIDE, SIDE) * 0.3
    mean = torch.zeros([])

    def descend(net, loss):
        for other in (generator, discriminator):
            other.requires_grad_(other is net)
        value = loss()
        adam[net].zero_grad(set_to_none=True)
        value.backward()
        adam[net].step()

    def path_lengths():
        ws = generator.latents(batch // 2, z)
        images = generator.synthesis(ws)
        noise = torch.randn_like(images) / SIDE
        (slope,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
        lengths = slope.square().sum(2).mean(1).sqrt()
        return (lengths - mean.lerp(lengths.mean(), 0.01)).square().mean() * 2 * 4

    def r1():
        shown = reals.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(discriminator(shown).sum(), shown, create_graph=True)
        return slope.square().sum((1, 2, 3)).mean() * 0.5 * 16

    def both():
        with torch.no_grad():
            fakes = generator.synthesis(generator.latents(batch, z))
        return F.softplus(discriminator(fakes)).mean() + F.softplus(-discriminator(reals)).mean()

    def fool():
        return F.softplus(-discriminator(generator.synthesis(generator.latents(batch, z)))).mean()

    before = convolution_rate(seconds)
    # Due at every step, every 4th, every step, every 16th.
    phases = {"Gmain": (generator, fool, 1), "Gpl": (generator, path_lengths, 4), "Dmain": (discriminator, both, 1)}
    phases["Dr1"] = (discriminator, r1, 16)
    total = 0.0
    for name, (net, loss, every) in phases.items():
        took = seconds(lambda net=net, loss=loss: descend(net, loss))
        total += took / every
        print(f"  {name:<34} {1e3 * took / batch:10.2f} ms")
    rate = max(before, convolution_rate(seconds))
    print(f"  {'images':<34} {batch / total:10.2f} /s")
    print(f"  {'float32 convolution rate':<34} {rate:10.2f} GFLOP/s")
    print(f"plain PyTorch {torch.__version__}, {given.net} net, batch {batch}, float32, {torch.get_num_threads()} threads")


main()
