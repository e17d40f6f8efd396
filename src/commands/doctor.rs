//! `rimforge doctor`: what was found on this machine.

use clap::Args;
use serde_json::json;
use tch::Device;

use super::console::Console;
use crate::engine::{Engine, EngineConfig, Precision, speed};
use crate::name::shown_path;
use crate::nets::{DiscriminatorConfig, GeneratorConfig};
use crate::problem::Result;
use crate::records::precision::PrecisionSpeed;
use crate::train::settled;

/// Arguments of `rimforge doctor`: none.
#[derive(Args, Debug)]
pub struct DoctorArgs {}

/// Starts libtorch as a study would and prints what it found; measures what bfloat16 brings.
///
/// # Errors
/// As [`Engine::start`].
pub fn run(_args: &DoctorArgs, console: &Console) -> Result<()> {
    let engine = Engine::start(&EngineConfig::default())?;
    let facts = &engine.facts;
    let low_precision = match facts.cpu_low_precision.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    let speed = measured(&engine)?;
    let precision = match engine.device {
        Device::Cpu => speed::choose(speed.as_ref()),
        device => Precision::Auto.resolve(device, true)?,
    };
    let precision = precision.name();
    let told = speed.map_or(String::new(), |speed| format!("; the small networks {}", speed.in_words()));
    let version = env!("CARGO_PKG_VERSION");
    let found = json!({
        "rimforge": version,
        "libtorch": facts.libtorch_version,
        "libtorch_built_for": facts.compiled_version,
        "libtorch_folder": facts.libtorch_folder.to_string_lossy(),
        "cpu_kernels": facts.cpu_capability,
        "cpu_bfloat16": facts.cpu_low_precision,
        "bfloat16_speed": speed,
        "precision": precision,
        "threads": facts.threads,
        "gpu": facts.gpu,
        "device": format!("{:?}", engine.device),
    });
    console.result(&found, || {
        let lines = [
            ("rimforge", version.to_owned()),
            ("libtorch", format!("{} in {}", facts.libtorch_version, shown_path(&facts.libtorch_folder))),
            ("CPU kernels", facts.cpu_capability.clone()),
            ("CPU bfloat16", low_precision + &told),
            ("precision", format!("{precision} (\"auto\")")),
            ("threads", facts.threads.to_string()),
            ("GPU", facts.gpu.clone()),
            ("device used", format!("{:?}", engine.device)),
        ];
        lines.map(|(name, value)| format!("{name:<14} {value}\n")).concat()
    })
}

/// What bfloat16 brings the small networks at 64 pixels; `None` where the processor has none, or a GPU computes.
fn measured(engine: &Engine) -> Result<Option<PrecisionSpeed>> {
    if engine.device != Device::Cpu {
        return Ok(None);
    }
    let generator = GeneratorConfig::small(64, 1);
    settled::compare(&generator, &DiscriminatorConfig::matching(&generator))
}
