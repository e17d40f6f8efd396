//! The base generators that come with the program: fine-tuning starts there where random weights would take too long.

use tch::Device;

use super::{BaseChoice, TrainConfig, packed};
use crate::nets::GeneratorConfig;
use crate::nets::weights::SavedNetwork;
use crate::problem::Result;
use crate::records::label::{Contrast, SUSCEPTIBILITY};
use crate::settings::Settings;

/// The first two trained by `scripts/make_base_generator.sh` on a simulated cohort of its own (seed 90210),
/// independent of every study's.
const ONE_CONTRAST: &[u8] = include_bytes!("../../assets/base-generator.safetensors");
/// Susceptibility, rim map and FLAIR together.
const MULTI_CONTRAST: &[u8] = include_bytes!("../../assets/base-multi-contrast.safetensors");

/// Dermoscopy in colour, told the seven classes of HAM10000: by `scripts/make_base_skin.sh`, on simulated photographs
/// of a seed of its own.
const SKIN: &[u8] = include_bytes!("../../assets/base-skin.safetensors");

/// Slices of brains with gliomas, T1 after contrast, FLAIR and labels, told plane, tumour and population: by
/// `scripts/make_base_brain.sh`, on simulated cases of a seed of its own.
const BRAIN: &[u8] = include_bytes!("../../assets/base-brain.safetensors");

/// Axial maps of fractional anisotropy of healthy persons: by `scripts/make_base_fa.sh`, on simulated persons of a seed
/// of its own.
const ANISOTROPY: &[u8] = include_bytes!("../../assets/base-fa.safetensors");

/// What each of the five shows.
const SHOWN: [&[&str]; 5] = [
    &[SUSCEPTIBILITY],
    &[SUSCEPTIBILITY, "rim", "flair"],
    &["image0", "image1", "image2"],
    &["t1c", "t2f", "seg"],
    &["fa"],
];

/// Which of them is the base for data with these contrasts: the third for images in colour, the fourth for any of
/// BraTS, the fifth for maps of anisotropy, the second where one is beyond the first.
fn place<'a>(contrasts: impl IntoIterator<Item = &'a str>) -> usize {
    let contrasts: Vec<&str> = contrasts.into_iter().collect();
    match contrasts.iter().any(|name| ["rim", "flair"].contains(name)) {
        _ if contrasts == SHOWN[2] => 2,
        _ if contrasts == SHOWN[4] => 4,
        _ if contrasts.iter().any(|name| ["t1n", "t1c", "t2w", "t2f", "seg"].contains(name)) => 3,
        several => usize::from(several),
    }
}

/// Refuses settings that cannot start from the embedded generator on square images of `side` pixels with these
/// contrasts, where they are to.
///
/// # Errors
/// `Kind::Usage`, as [`Settings::check`].
pub fn check_embedded_base(config: &TrainConfig, side: i64, contrasts: &[String]) -> Result<()> {
    if config.base != BaseChoice::Embedded {
        return Ok(());
    }
    let place = place(contrasts.iter().map(String::as_str));
    let shown = SHOWN[place];
    let refuse =
        |found: String, expected: String| TrainConfig::refuse("base", format!("\"embedded\" {found}"), expected);
    let known = contrasts.iter().filter(|name| shown.contains(&name.as_str())).count();
    if known == 0 {
        return Err(refuse(format!("for {}", contrasts.join(", ")), format!("at least one of {}", shown.join(", "))));
    }
    if known < contrasts.len() && config.freeze_discriminator > 0 {
        let found = format!("{} with contrasts that the embedded network does not know", config.freeze_discriminator);
        return Err(TrainConfig::refuse(
            "freeze_discriminator",
            found,
            "0: layers that see new contrasts have to learn",
        ));
    }
    let bytes = [ONE_CONTRAST, MULTI_CONTRAST, SKIN, BRAIN, ANISOTROPY][place];
    let embedded = crate::nets::weights::description(bytes)?.generator;
    let own = config.net.generator(side, embedded.channels);
    if own != (GeneratorConfig { c_dim: own.c_dim, ..embedded.clone() }) {
        let sizes = |of: &GeneratorConfig| {
            let variants: String = of.departures().iter().map(|(name, word)| format!(", {name} {word}")).collect();
            format!(
                "{} pixels, z_dim {}, w_dim {}, channel_base {}, channel_max {}, mapping_layers {}{variants}",
                of.resolution, of.z_dim, of.w_dim, of.channel_base, of.channel_max, of.mapping_layers
            )
        };
        return Err(refuse(format!("with networks of {}", sizes(&own)), sizes(&embedded)).advice(
            "leave [train.net] and prepare.patch (of photographs: prepare.side) as they are by default, or set \
                 train.base = \"none\"",
        ));
    }
    Ok(())
}

/// The base generator for data with these channels, with its discriminator, and its name.
///
/// # Errors
/// `Kind::Internal`: what comes with the program is no network.
pub fn base_network(contrasts: &[Contrast], device: Device) -> Result<(String, SavedNetwork)> {
    let (name, bytes) = match place(contrasts.iter().map(|contrast| contrast.name.as_str())) {
        0 => ("embedded base generator", ONE_CONTRAST),
        1 => ("embedded base generator of QSM, rim map and FLAIR", MULTI_CONTRAST),
        2 => ("embedded base generator of dermoscopy", SKIN),
        3 => ("embedded base generator of slices of brains with gliomas", BRAIN),
        _ => ("embedded base generator of maps of fractional anisotropy", ANISOTROPY),
    };
    Ok((name.to_owned(), packed::network(bytes, device)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_network_fits_the_default_settings_and_says_what_it_shows() {
        let config = TrainConfig { base: BaseChoice::Embedded, ..TrainConfig::default() };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (at, shown) in SHOWN.into_iter().enumerate() {
            let (fits, other) = if at == 3 { (32, 64) } else { (64, 32) };
            check_embedded_base(&config, fits, &names(shown)).unwrap();
            assert!(check_embedded_base(&config, other, &names(shown)).is_err());
            let contrasts: Vec<Contrast> =
                shown.iter().map(|name| crate::data::intensity::default_contrast(name)).collect();
            let (_, network) = base_network(&contrasts, Device::Cpu).unwrap();
            let source = crate::feed::network_source::NetworkImages::of(&network.description);
            assert_eq!(source.contrasts.iter().map(|contrast| contrast.name.as_str()).collect::<Vec<_>>(), shown);
        }
        assert!(check_embedded_base(&config, 32, &names(&["chimap"])).is_err());
        assert!(check_embedded_base(&config, 64, &names(&["t1w"])).is_err());
        let frozen = TrainConfig { freeze_discriminator: 1, ..config };
        assert!(check_embedded_base(&frozen, 64, &names(&["chimap"])).is_ok());
        assert!(check_embedded_base(&frozen, 64, &names(&["chimap", "t1w"])).is_err());
    }
}
