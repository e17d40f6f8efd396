"""Loads what `rimforge export --network FILE --out DIR` wrote: python load_state_dict.py DIR
Run it where `training.networks` of a stylegan2-ada-pytorch checkout can be imported."""
import json, sys, torch
from training import networks
folder = sys.argv[1]
state = torch.load(f"{folder}/state_dict.pt", weights_only=True)
for name, made in json.load(open(f"{folder}/manifest.json"))["networks"].items():
    network = getattr(networks, made["class_name"])(**made["init_kwargs"]).eval()
    network.load_state_dict(state[name])  # strict: every name and shape has to fit
    print(name, sum(p.numel() for p in network.parameters()), "parameters")
