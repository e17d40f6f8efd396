//! Directions on disk: `directions.safetensors`, unit vectors beside what a step is and which w it moves; and images
//! moved along them.

use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::bench::Way;
use crate::files;
use crate::name::Name;
use crate::nets::weights::{read_tensors, write_tensors};
use crate::problem::{Kind as ProblemKind, Problem, Result};

/// Most deviations that anything is moved by: codes farther out are none that the network was trained on.
pub const MOST_DEVIATIONS: f64 = 3.0;

/// Version of the layout; a reader refuses another.
const SCHEMA: u32 = 1;

/// A direction of one network.
#[derive(Clone, Debug, PartialEq)]
pub struct Direction {
    /// "closed-form_all_01".
    pub id: Name,
    /// The factor that it moves.
    pub name: String,
    /// Of unit length, \[w_dim\]; the leading factor rises along it.
    pub vector: Vec<f64>,
    /// Length of a step of one deviation of the codes.
    pub sigma: f64,
    /// The w that are moved.
    pub indices: Range<usize>,
}

impl Direction {
    /// ws \[N, num_ws, w_dim\] moved by `deviations`, of which no more than [`MOST_DEVIATIONS`] are taken.
    pub fn moved(&self, ws: &Tensor, deviations: f64) -> Tensor {
        let way = Way { vector: &self.vector, sigma: self.sigma, indices: self.indices.clone() };
        way.moved(ws, deviations.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS))
    }
}

/// Directions and the network that they are of.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// SHA-256 of the network's file.
    pub network_sha256: String,
    /// In the record's order.
    pub directions: Vec<Direction>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema: u32,
    network_sha256: String,
    directions: Vec<Entry>,
}

/// A direction without its vector, which is a tensor of its name.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Name,
    name: String,
    sigma: f64,
    first_w: usize,
    end_w: usize,
}

impl Saved {
    /// Writes them; returns the file's SHA-256.
    ///
    /// # Errors
    /// Writing failed.
    pub fn write(&self, path: &Path) -> Result<String> {
        let entry = |one: &Direction| Entry {
            id: one.id.clone(),
            name: one.name.clone(),
            sigma: one.sigma,
            first_w: one.indices.start,
            end_w: one.indices.end,
        };
        let directions = self.directions.iter().map(entry).collect();
        let written = Written { schema: SCHEMA, network_sha256: self.network_sha256.clone(), directions };
        let tensors = self.directions.iter().map(|one| (one.id.to_string(), Tensor::from_slice(&one.vector))).collect();
        write_tensors(path, &tensors, &files::json_line(&written)?)
    }

    /// Reads what [`Saved::write`] wrote.
    ///
    /// # Errors
    /// No such file, or one that holds no directions of this version.
    pub fn read(path: &Path) -> Result<Self> {
        let file = read_tensors(path)?;
        let written: Written =
            files::parse_json(path, file.description.as_bytes(), "directions of `rimforge directions`")?;
        if written.schema != SCHEMA {
            return Err(Problem::input(path, format!("directions of schema {}", written.schema))
                .expected(format!("schema {SCHEMA}"))
                .advice("use the version of rimforge that wrote the file"));
        }
        let direction = |entry: Entry| {
            let wrong = |found: &str| Problem::input(path, format!("direction {}: {found}", entry.id));
            let vector = file.tensors.get(entry.id.as_str()).ok_or_else(|| wrong("no vector"))?;
            if vector.dim() != 1 || vector.kind() != Kind::Double {
                return Err(wrong("no vector of 64-bit numbers"));
            }
            let vector = Vec::<f64>::try_from(vector)?;
            let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
            if (length - 1.0).abs() > 1e-6 || !(entry.sigma.is_finite() && entry.sigma >= 0.0) {
                return Err(wrong("not of unit length, or of a deviation that is none"));
            }
            if entry.first_w >= entry.end_w {
                return Err(wrong("moves no w"));
            }
            let indices = entry.first_w..entry.end_w;
            Ok(Direction { id: entry.id, name: entry.name, vector, sigma: entry.sigma, indices })
        };
        let directions = written.directions.into_iter().map(direction).collect::<Result<_>>()?;
        Ok(Self { network_sha256: written.network_sha256, directions })
    }

    /// Refuses directions that are not of this network, whose images take so many w of so many numbers.
    ///
    /// # Errors
    /// Another network, or directions that move what it does not have.
    pub fn require_of(&self, network_sha256: &str, num_ws: usize, w_dim: usize) -> Result<()> {
        let fits = |one: &Direction| one.indices.end <= num_ws && one.vector.len() == w_dim;
        if self.network_sha256 == network_sha256 && self.directions.iter().all(fits) {
            return Ok(());
        }
        Err(Problem::new(ProblemKind::Input, "directions of another network")
            .expected(format!("of the network {network_sha256}"))
            .advice("run `rimforge directions` on this network"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn saved() -> Saved {
        let direction = |id: &str, first: usize| Direction {
            id: Name::of_known(id),
            name: "brightness".into(),
            vector: vec![0.6, 0.8],
            sigma: 0.5,
            indices: first..first + 2,
        };
        Saved { network_sha256: "a1".into(), directions: vec![direction("b", 0), direction("a", 2)] }
    }

    #[test]
    fn directions_come_back_as_they_were_and_fit_one_network() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directions.safetensors");
        let hash = saved().write(&path).unwrap();
        assert_eq!(hash, files::sha256(&path).unwrap());
        let again = Saved::read(&path).unwrap();
        assert_eq!(again, saved());
        again.require_of("a1", 4, 2).unwrap();
        for (hash, num_ws, w_dim) in [("b2", 4, 2), ("a1", 3, 2), ("a1", 4, 3)] {
            assert!(again.require_of(hash, num_ws, w_dim).is_err());
        }
    }

    #[test]
    fn what_is_none_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directions.safetensors");
        let refused = |change: &dyn Fn(&mut Saved)| {
            let mut wrong = saved();
            change(&mut wrong);
            wrong.write(&path).unwrap();
            Saved::read(&path).unwrap_err().to_string()
        };
        assert!(
            refused(&|saved| saved.directions[1].vector = vec![0.6, 0.9]).contains("direction a: not of unit length")
        );
        assert!(refused(&|saved| saved.directions[0].indices = 3..3).contains("direction b: moves no w"));
        let tensors =
            [("a".to_owned(), Tensor::from_slice(&[1.0])), ("b".to_owned(), Tensor::from_slice(&[1.0]))].into();
        write_tensors(&path, &tensors, "{}").unwrap();
        assert!(Saved::read(&path).unwrap_err().to_string().contains("not directions"));
    }

    #[test]
    fn nothing_is_moved_by_more_than_three_deviations() {
        let ws = Tensor::zeros([1, 4, 2], (Kind::Float, Device::Cpu));
        let direction = &saved().directions[0];
        assert!(direction.moved(&ws, 9.0).equal(&direction.moved(&ws, 3.0)));
        assert!(!direction.moved(&ws, 2.0).equal(&direction.moved(&ws, 3.0)));
        assert_eq!(direction.moved(&ws, 2.0).get(0).get(3).abs().max().double_value(&[]), 0.0);
    }
}
