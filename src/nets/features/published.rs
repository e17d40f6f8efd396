//! Weight files that a metric's published name belongs to.
//!
//! Another file of the same architecture measures something else: a value is called FID, KID or LPIPS only where every
//! file behind it is one of these. They are known by the SHA-256 of the file. Of the nets it is the beginning that
//! torch.hub's file names carry and its loader checks (eight digits after the last dash: one other file in four
//! thousand million has them, too); of the LPIPS weights, which come with the package `lpips` 0.1.4, all of it.

use super::recognise::Architecture;

/// A file that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name where it was published.
    pub file: &'static str,
    /// How the SHA-256 of the file begins, lower-case hexadecimal.
    pub sha256: &'static str,
    /// The net whose weights it holds, or whose layers it weighs.
    pub net: Architecture,
}

/// A file of CLIP's that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedClip {
    /// Its name where it was published.
    pub file: &'static str,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: &'static str,
}

/// Nets: torchvision 0.26 and those before 0.10, and pytorch-fid, whose file torch-fidelity has, too.
const NETS: [Published; 8] = [
    net("vgg16-397923af.pth", "397923af", Architecture::Vgg16),
    net("alexnet-owt-7be5be79.pth", "7be5be79", Architecture::AlexNet),
    net("alexnet-owt-4df8aa71.pth", "4df8aa71", Architecture::AlexNet),
    net("squeezenet1_1-b8a52dc0.pth", "b8a52dc0", Architecture::SqueezeNet),
    net("squeezenet1_1-f364aa15.pth", "f364aa15", Architecture::SqueezeNet),
    net("inception_v3_google-0cc3c7bd.pth", "0cc3c7bd", Architecture::InceptionV3),
    net("inception_v3_google-1a9a5a14.pth", "1a9a5a14", Architecture::InceptionV3),
    net("pt_inception-2015-12-05-6726825d.pth", "6726825d", Architecture::FidInception),
];

/// CLIP's ViT-L/14 for images of 336 px, as OpenAI published it: its loader names the file's hash.
const CLIP: PublishedClip = PublishedClip {
    file: "ViT-L-14-336px.pt",
    sha256: "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
};

/// LPIPS weights, version 0.1 of the package `lpips`.
const HEADS: [Published; 3] = [
    net("vgg.pth", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868", Architecture::Vgg16),
    net("alex.pth", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0", Architecture::AlexNet),
    net("squeeze.pth", "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76", Architecture::SqueezeNet),
];

const fn net(file: &'static str, sha256: &'static str, net: Architecture) -> Published {
    Published { file, sha256, net }
}

/// The published file of `net`'s weights whose bytes these are; `None` where they are none.
pub fn weights(net: Architecture, sha256: &str) -> Option<Published> {
    find(&NETS, net, sha256)
}

/// The published file of LPIPS weights for `net` whose bytes these are.
pub fn lpips_weights(net: Architecture, sha256: &str) -> Option<Published> {
    find(&HEADS, net, sha256)
}

/// The published file of CLIP's weights whose bytes these are.
pub fn clip(sha256: &str) -> Option<PublishedClip> {
    Some(CLIP).filter(|one| one.sha256 == sha256)
}

fn find(known: &[Published], net: Architecture, sha256: &str) -> Option<Published> {
    known.iter().copied().find(|one| one.net == net && sha256.starts_with(one.sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_bytes_for_its_own_net_alone() {
        let rest = "0".repeat(56);
        let inception = format!("6726825d{rest}");
        assert_eq!(
            weights(Architecture::FidInception, &inception).unwrap().file,
            "pt_inception-2015-12-05-6726825d.pth"
        );
        assert_eq!(weights(Architecture::InceptionV3, &inception), None);
        assert_eq!(weights(Architecture::FidInception, &format!("6726825e{rest}")), None);
        let alex = HEADS[1].sha256;
        assert_eq!(lpips_weights(Architecture::AlexNet, alex).unwrap().file, "alex.pth");
        assert_eq!(lpips_weights(Architecture::Vgg16, alex), None);
        let large = clip(CLIP.sha256).unwrap();
        assert!(large.file == "ViT-L-14-336px.pt" && CLIP.sha256.len() == 64 && CLIP.sha256.starts_with("3035c92b"));
        assert_eq!(clip(&"0".repeat(64)), None);
        for one in NETS.iter().chain(&HEADS) {
            assert!(one.sha256.bytes().all(|digit| digit.is_ascii_hexdigit() && !digit.is_ascii_uppercase()));
        }
        assert!(NETS.iter().all(|one| one.file.contains(&format!("-{}.", one.sha256))));
    }
}
