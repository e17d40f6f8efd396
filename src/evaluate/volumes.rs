//! Drawn volumes beside real ones: every measure also of one half of the training patients against the other, at the
//! same number of volumes.

use std::collections::BTreeSet;
use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::stage::{FEWEST, OWNER};
use crate::data::PreparedVolumes;
use crate::data::sides::Side;
use crate::data::volumes::Volumes;
use crate::engine::Lab;
use crate::feed::network_source::network_file;
use crate::feed::volumes::{PLANE_NAMES, PLANES, VolumeBatch, inner_slices};
use crate::files::{self, Input, OutFolder};
use crate::latent::draw::{BATCH, NoiseMode, draw, filled};
use crate::metrics::features::Features;
use crate::metrics::kid::{self, KidConfig};
use crate::metrics::{frechet, volume_similarity, wasserstein};
use crate::nets::class::one_hot;
use crate::nets::features::FrechetFeatures;
use crate::nets::weights;
use crate::problem::{Problem, Result};
use crate::records::volumes::{BesideReal, VolumeEvaluation};
use crate::run_dir::RECORD;

/// Pairs of volumes that the similarity within a set is the mean of, at most.
const PAIRS: usize = 200;

/// Volumes that features are taken of: the mean of the features of their slices over a plane.
struct Set {
    /// \[N, C, S, S, S\].
    volumes: Tensor,
    /// Of the inner slices of each plane.
    planes: Vec<Features>,
    /// A row a volume: its slices' mean features, plane by plane.
    whole: Features,
}

impl Set {
    fn of(net: &FrechetFeatures, volumes: Tensor) -> Result<Self> {
        let count = volumes.size()[0];
        let rows: Vec<Tensor> = PLANES.iter().map(|&plane| net.of_all(&inner_slices(&volumes, plane))).collect();
        let planes = rows.iter().map(Features::new).collect::<Result<_>>()?;
        let mean = |rows: &Tensor| rows.reshape([count, -1, rows.size()[1]]).mean_dim(1i64, false, Kind::Float);
        let whole = Features::new(&Tensor::cat(&rows.iter().map(mean).collect::<Vec<_>>(), 1))?;
        Ok(Self { volumes, planes, whole })
    }
}

/// Draws as many volumes as half of the training patients have and measures them; leaves `record.json` in `out`.
///
/// # Errors
/// Too few training volumes, a network of images or of other volumes, a folder in use, or a failed write.
pub fn run_volume_stage(data: &PreparedVolumes, network: &Path, out: &Path, lab: &Lab<'_>) -> Result<VolumeEvaluation> {
    let file = network_file(network)?;
    let read = [data.root(), file.as_path()].into_iter().map(Input::of);
    let mut claim = OutFolder::new(OWNER, out).apart_from(read).claim()?;
    claim.will_write([RECORD])?;
    let saved = weights::load_network(&file, lab.engine.device)?;
    let config = saved.generator.config().clone();
    let [channels, side, ..] = data.shape();
    if config.dimensions != 3 || config.channels != channels as i64 || config.resolution != side as i64 {
        return Err(Problem::input(&file, format!("a network that draws {:?}", &config.images(1)[1..]))
            .expected(format!("volumes {:?} (channels, depth, height, width)", data.shape()))
            .advice("give a network that was trained on this data set"));
    }
    let training = data.training();
    let [even, odd] = halves(&training);
    let count = even.len().min(odd.len());
    if count < FEWEST / 2 {
        return Err(Problem::input(data.root(), format!("{} training volumes", training.len()))
            .expected(format!("{FEWEST} or more, in two halves"))
            .advice("prepare more cases"));
    }
    let load =
        |positions: &[usize]| -> Result<Tensor> { Ok(VolumeBatch::load(&training, positions, Device::Cpu)?.values) };
    let net = FrechetFeatures::new(config.channels, lab.engine.device);
    let seeds: Vec<u32> = (0..count as u32).collect();
    let numbers = |seeds: &[u32]| -> Vec<i64> { seeds.iter().map(|&s| i64::from(s) % config.c_dim.max(1)).collect() };
    let drawn: Vec<Tensor> = seeds
        .chunks(BATCH)
        .map(|chunk| {
            let class = (config.c_dim > 0).then(|| one_hot(&numbers(&filled(chunk)), config.c_dim, lab.engine.device));
            draw(&saved.generator, chunk, class.as_ref(), 1.0, NoiseMode::Const).to_device(Device::Cpu)
        })
        .collect();
    let reals = Set::of(&net, load(&even[..count])?)?;
    let others = Set::of(&net, load(&odd[..count])?)?;
    let fakes = Set::of(&net, Tensor::cat(&drawn, 0))?;
    let mut notes = vec![];
    if config.c_dim > 0 {
        notes.push("each class was drawn as often as the others".to_owned());
    }
    let mut measures = planes(&net, &reals, &fakes, &others)?;
    measures.push(kernel(&net, &reals, &fakes, &others, lab)?);
    similarity(&fakes, &others, side as i64, &mut measures, &mut notes)?;
    regions(data, [&reals, &fakes, &others].map(|set| &set.volumes), &mut measures, &mut notes)?;
    let all = load(&(0..training.len()).collect::<Vec<_>>())?;
    nearest(data, &all, &fakes, &mut measures, &mut notes)?;
    let record = VolumeEvaluation {
        simulated: data.manifest().simulated,
        network_sha256: saved.sha256,
        data_sha256: data.sha256().to_owned(),
        shape: data.shape(),
        volumes: count as u64,
        measures,
        notes,
    };
    files::write_json(out.join(RECORD), &record)?;
    Ok(record)
}

/// Positions of the volumes of every second patient, and of the rest.
fn halves<S: Side>(volumes: &Volumes<S>) -> [Vec<usize>; 2] {
    let patient = |at: usize| volumes.entry(at).patient.as_str();
    let patients: BTreeSet<&str> = (0..volumes.len()).map(patient).collect();
    [0, 1].map(|half| {
        let own: BTreeSet<&str> = patients.iter().skip(half).step_by(2).copied().collect();
        (0..volumes.len()).filter(|&at| own.contains(patient(at))).collect()
    })
}

fn planes(net: &FrechetFeatures, reals: &Set, fakes: &Set, others: &Set) -> Result<Vec<BesideReal>> {
    let of = |set: &Set, plane: usize| -> Result<f64> {
        Ok(frechet::distance(&reals.planes[plane], &set.planes[plane])?.distance)
    };
    let mut found = vec![];
    for (plane, name) in PLANE_NAMES.iter().enumerate() {
        found.push(BesideReal {
            name: format!("Frechet distance, {name} slices, {}", net.name()),
            meaning: "lower is nearer".into(),
            drawn: of(fakes, plane)?,
            real: of(others, plane)?,
        });
    }
    let mean = |of: &dyn Fn(&BesideReal) -> f64| found.iter().map(of).sum::<f64>() / found.len() as f64;
    let whole = BesideReal {
        name: "Frechet distance, mean over the three planes".into(),
        meaning: "lower is nearer".into(),
        drawn: mean(&|one| one.drawn),
        real: mean(&|one| one.real),
    };
    found.push(whole);
    Ok(found)
}

fn kernel(net: &FrechetFeatures, reals: &Set, fakes: &Set, others: &Set, lab: &Lab<'_>) -> Result<BesideReal> {
    let of = |set: &Set| -> Result<f64> {
        let mut draws = lab.seed.stream("volumes.kernel", 0);
        Ok(kid::distance(&reals.whole, &set.whole, &KidConfig::default(), &mut draws)?.value)
    };
    Ok(BesideReal {
        name: format!(
            "squared MMD, unbiased, kernel (x.y / {} + 1)^3, a row a volume: {}, mean over its slices of each plane",
            reals.whole.dims(),
            net.name()
        ),
        meaning: "lower is nearer".into(),
        drawn: of(fakes)?,
        real: of(others)?,
    })
}

/// Mean over pairs within a set.
fn similarity(
    fakes: &Set,
    reals: &Set,
    side: i64,
    measures: &mut Vec<BesideReal>,
    notes: &mut Vec<String>,
) -> Result<()> {
    let scales = volume_similarity::scales(side);
    if scales == 0 {
        notes.push(format!("volumes of {side} voxels are too small for a similarity over windows"));
        return Ok(());
    }
    let of = |set: &Set| -> Result<f64> {
        let count = set.volumes.size()[0];
        let pairs: Vec<(i64, i64)> = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect();
        let step = pairs.len().div_ceil(PAIRS).max(1);
        let mut all = vec![];
        for &(a, b) in pairs.iter().step_by(step) {
            let one = |at: i64| set.volumes.narrow(0, at, 1).clamp(-1.0, 1.0);
            all.extend(volume_similarity::ms_ssim(&one(a), &one(b), 2.0)?);
        }
        Ok(all.iter().sum::<f64>() / all.len() as f64)
    };
    measures.push(BesideReal {
        name: format!("MS-SSIM among volumes, {scales} scales, window of {} voxels", volume_similarity::WINDOW),
        meaning: "lower is more varied".into(),
        drawn: of(fakes)?,
        real: of(reals)?,
    });
    Ok(())
}

/// Whole tumour, its core and what enhances, in mL, where a channel holds regions.
fn regions(
    data: &PreparedVolumes,
    [reals, fakes, others]: [&Tensor; 3],
    measures: &mut Vec<BesideReal>,
    notes: &mut Vec<String>,
) -> Result<()> {
    const REGIONS: [(&str, &[i64]); 3] =
        [("whole tumour", &[1, 2, 3]), ("tumour core", &[1, 3]), ("enhancing tumour", &[3])];
    let contrasts = &data.manifest().contrasts;
    let Some(channel) = contrasts.iter().position(|contrast| contrast.unit == "region") else {
        notes.push("no channel holds regions: volumes of tumours were not compared".into());
        return Ok(());
    };
    let (low, high) = (contrasts[channel].window.low, contrasts[channel].window.high);
    let Some(mm) = data.manifest().voxel_mm else {
        notes.push("voxels of unknown or several sizes: volumes of tumours were not compared".into());
        return Ok(());
    };
    let ml = mm.iter().product::<f64>() / 1000.0;
    for (name, numbers) in REGIONS {
        let of = |volumes: &Tensor| -> Result<Vec<f64>> {
            let levels = (volumes.select(1, channel as i64).clamp(-1.0, 1.0) + 1.0) * ((high - low) / 2.0) + low;
            let levels = levels.round();
            let inside = numbers.iter().map(|&number| levels.eq(number as f64).to_kind(Kind::Double));
            let inside = inside.reduce(|a, b| a + b).unwrap_or_else(|| levels.zeros_like());
            Ok(Vec::try_from(inside.flatten(1, -1).sum_dim_intlist(1i64, false, Kind::Double) * ml)?)
        };
        let (real, drawn, other) = (of(reals)?, of(fakes)?, of(others)?);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        if let (Some(of_drawn), Some(of_real)) =
            (wasserstein::distance(&real, &drawn), wasserstein::distance(&real, &other))
        {
            measures.push(BesideReal {
                name: format!(
                    "volume of the {name}, Wasserstein distance in mL (means: drawn {:.1}, real {:.1})",
                    mean(&drawn),
                    mean(&real)
                ),
                meaning: "lower is nearer".into(),
                drawn: of_drawn,
                real: of_real,
            });
        }
    }
    Ok(())
}

/// How near each drawn volume lies to the nearest training volume, beside held-out volumes.
fn nearest(
    data: &PreparedVolumes,
    training: &Tensor,
    fakes: &Set,
    measures: &mut Vec<BesideReal>,
    notes: &mut Vec<String>,
) -> Result<()> {
    let (validation, test) = (data.validation(), data.test());
    let mut held = vec![];
    for part in [
        (!validation.is_empty()).then(|| VolumeBatch::load(&validation, &all(validation.len()), Device::Cpu)),
        (!test.is_empty()).then(|| VolumeBatch::load(&test, &all(test.len()), Device::Cpu)),
    ] {
        held.extend(part.transpose()?.map(|batch| batch.values));
    }
    if held.is_empty() {
        notes.push("no held-out volumes: distances to the nearest training volume have nothing beside them".into());
        return Ok(());
    }
    let flat = training.flatten(1, -1).to_kind(Kind::Double);
    let of = |volumes: &Tensor| -> Result<f64> {
        let rows = volumes.clamp(-1.0, 1.0).flatten(1, -1).to_kind(Kind::Double);
        let mut nearest = vec![];
        for at in 0..rows.size()[0] {
            let away = (&flat - rows.narrow(0, at, 1)).square().mean_dim(1i64, false, Kind::Double).sqrt();
            nearest.push(away.min().double_value(&[]));
        }
        nearest.sort_by(f64::total_cmp);
        Ok(nearest[nearest.len() / 2])
    };
    measures.push(BesideReal {
        name: "root mean square to the nearest training volume, median (real: held-out volumes)".into(),
        meaning: "far below the real ones is copied".into(),
        drawn: of(&fakes.volumes)?,
        real: of(&Tensor::cat(&held, 0))?,
    });
    Ok(())
}

fn all(count: usize) -> Vec<usize> {
    (0..count).collect()
}
