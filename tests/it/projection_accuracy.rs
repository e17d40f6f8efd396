//! The projection accuracy study from end to end on a few simulated maps, and maps as users have them.

use std::fs;
use std::path::Path;

use rimforge::nifti::{self, Form, Grid, Volume};
use rimforge::records::prepare::PrepareRecord;
use rimforge::records::projection_accuracy::ProjectionAccuracyRecord;
use rimforge::records::residuals::ResidualsRecord;

use crate::place::{Place, read};

const STUDY: &str = r#"
kind = "projection-accuracy"
name = "tiny"
out = "study"

[engine]
device = "cpu"
threads = 1

[maps.simulate]
healthy = 5
ms = 5
seed = 5

[prepare]
side = 32
fa = { slices = 7 }
test_fraction = 0.4
validation_fraction = 0.2

[train]
kimg = 0.064
batch = 16

[train.net]
z_dim = 16
w_dim = 16
channel_base = 256
channel_max = 16

[generate]
seeds = "0-3"

[project]
steps = 3
candidates = 8
w_samples = 64
batch = 4

[residuals]
accuracy = 2
spoiled = 1
calibration = 5
validation = 3
test = 4
draws = 100
shown = 2
"#;

#[test]
fn maps_become_a_report_and_nothing_is_done_twice() {
    let place = Place::new(STUDY);
    let said = place.done("run study.toml");
    assert!(said.contains("SIMULATED") && said.contains("skill: AUPRC"), "{said}");
    let record: ProjectionAccuracyRecord = read(&place.path("study/results.json"));
    assert!(record.simulated && record.prepare.simulated);
    assert_eq!(record.maps.as_ref().unwrap().persons, 10);
    assert_eq!((record.prepare.lesions, record.prepare.patients_on_two_sides), (70, 0));
    // The generator saw healthy persons alone.
    let healthy = record.prepare.counts[0].classes.iter().find(|one| one.class.name() == "healthy").unwrap();
    assert_eq!(record.training.train_slices, healthy.items);
    let residuals = &record.residuals;
    assert_eq!((residuals.healthy.as_slice(), residuals.lesions.as_str()), (&["healthy".to_owned()][..], "dark"));
    let roles: Vec<(&str, &str)> =
        residuals.accuracy.iter().map(|row| (row.role.as_str(), row.corruption.as_str())).collect();
    assert_eq!(roles.len(), 7, "{roles:?}");
    assert_eq!(roles[2], ("with lesions, held out", "none"));
    assert!(residuals.accuracy[2].projected.mse_lesions.is_some() && residuals.accuracy[1].spoiled.is_none());
    let found = residuals.detection.as_ref().unwrap();
    assert_eq!((found.detectors.len(), found.judged.as_str()), (9, "residual-z"));
    assert!(found.detectors.iter().all(|one| (0.0..=1.0).contains(&one.auprc.value)));
    let best = found.detectors.iter().find(|one| one.key == found.best_baseline).unwrap();
    assert!(best.baseline);
    assert!((found.skill.value - (found.detectors[0].auprc.value - best.auprc.value)).abs() < 1e-9);
    let page = fs::read_to_string(place.path("study/report/index.html")).unwrap();
    for says in ["SIMULATED", "How far to trust a projection", "salt and pepper", "Skill: average precision", "z-score"]
    {
        assert!(page.contains(says), "{says}");
    }
    assert!(!page.contains(">NaN") && !page.contains(" NaN"));

    // Kept as it is; the report alone, too.
    let bytes = fs::read(place.path("study/results.json")).unwrap();
    place.done("run study.toml");
    assert_eq!(fs::read(place.path("study/results.json")).unwrap(), bytes);
    fs::remove_file(place.path("study/report/index.html")).unwrap();
    place.done("report study");
    assert_eq!(fs::read_to_string(place.path("study/report/index.html")).unwrap(), page);

    residuals_alone(&place);
    the_users_own(&place);
}

/// A projection that is missing or was changed is made again, to the same bits; other classes can be named.
fn residuals_alone(place: &Place) {
    let command = "residuals --network study/gan --data study/data --out r --seed 9 --steps 3 --batch 4 --accuracy 2 \
                   --spoiled 0 --calibration 5 --validation 3 --test 3 --draws 100 --threads 1";
    place.done(command);
    let record: ResidualsRecord = read(&place.path("r/record.json"));
    let image = fs::read_dir(place.path("r/images")).unwrap().next().unwrap().unwrap().path();
    let before = fs::read(&image).unwrap();
    fs::write(&image, b"spoiled").unwrap();
    place.done(command);
    assert_eq!(fs::read(&image).unwrap(), before);
    assert_eq!(read::<ResidualsRecord>(&place.path("r/record.json")), record);
    place.refused(2, &format!("{command} --healthy nobody"), "no class \"nobody\"");
    place.refused(2, &format!("{command} --channel flair"), "no channel \"flair\"");
    place.refused(2, &format!("{command} --healthy ms --lesioned ms"), "residuals.lesioned");
    fs::create_dir(place.path("mine")).unwrap();
    fs::write(place.path("mine/notes.txt"), "mine").unwrap();
    place.refused(2, &command.replace("--out r", "--out mine"), "notes.txt");
}

/// Maps under other names, without a table; scaled ones and ones of another grid.
fn the_users_own(place: &Place) {
    let cohort = place.path("study/cohort");
    let maps = place.path("maps");
    fs::create_dir(&maps).unwrap();
    for (at, person) in ["sub-HC001", "sub-HC002", "sub-MS001"].into_iter().enumerate() {
        let map =
            cohort.join(format!("{person}/dwi/{person}_space-MNI152NLin6Asym_model-tensor_param-FA_dwimap.nii.gz"));
        fs::copy(map, maps.join(format!("person{at}_FA.nii.gz"))).unwrap();
    }
    let prepare = "prepare --fa maps --out given --side 32 --fa-slices 5 --test-fraction 0 --validation-fraction 0";
    let said = place.done(prepare);
    assert!(said.contains("nobody is known to be healthy"), "{said}");
    let record: PrepareRecord = read(&place.path("given/record.json"));
    assert_eq!((record.lesions, record.patients, record.contrasts.as_slice()), (15, 3, &["fa".to_owned()][..]));
    place.refused(
        2,
        "residuals --network study/gan --data given --out r2",
        "nothing says which classes are without lesions",
    );
    place.refused(3, &prepare.replace("--side 32", "--side 512"), "voxels across for 512 pixels");

    let map = maps.join("person0_FA.nii.gz");
    let volume = nifti::open(&map, Form::Sform).unwrap().read_into(Vec::new()).unwrap().volume;
    let changed = |change: &dyn Fn(f32) -> f32, grid: Grid| {
        let data: Vec<f32> = volume.data.iter().take(grid.voxels()).map(|&value| change(value)).collect();
        write(&map, &Volume { grid, data });
    };
    changed(&|value| value * 1000.0, volume.grid);
    place.refused(3, prepare, "fractional anisotropy, from 0 to 1");
    changed(&|_| 0.0, volume.grid);
    place.refused(3, prepare, "no voxel of the brain above 0");
    let [nx, ny, nz] = volume.grid.shape;
    changed(&|value| value, Grid::new([nx, ny, nz - 1], volume.grid.affine()));
    place.refused(3, prepare, "another grid than the first map");
}

fn write(path: &Path, volume: &Volume<f32>) {
    nifti::write(path, volume, "a map").unwrap();
}
