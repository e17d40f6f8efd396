//! What the last bits of a result depend on beside the data, the settings and the seed.

use serde::{Deserialize, Serialize};

/// How something was computed. Two runs whose arithmetic differs agree only about (a rounding here, a sum in another
/// order there), and what chooses between two numbers that are almost equal may then choose otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arithmetic {
    /// "cpu", or the GPU's name.
    pub device: String,
    /// Threads of one operation of the CPU; absent where a GPU computes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u64>,
    /// Instruction sets of the CPU, "AVX512, kernels avx512"; absent where a GPU computes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Version of libtorch, "2.11.0".
    pub libtorch: String,
}

/// "1 thread", "2 threads".
pub fn in_words(threads: u64) -> String {
    format!("{threads} thread{}", if threads == 1 { "" } else { "s" })
}

impl Arithmetic {
    /// Each way in which it differs from `now`, as "2 threads (now 1)"; none where they are the same.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let number = |threads: Option<u64>| threads.map_or_else(|| "no".to_owned(), |n| n.to_string());
        let then = |threads: Option<u64>| threads.map_or_else(|| "no threads".to_owned(), in_words);
        let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        let mut found = Vec::new();
        if self.device != now.device {
            // What a GPU's record does not have is no further difference.
            found.push(format!("device {} (now {})", self.device, now.device));
        } else {
            if self.threads != now.threads {
                found.push(format!("{} (now {})", then(self.threads), number(now.threads)));
            }
            if self.instructions != now.instructions {
                let (then, now) = (word(&self.instructions), word(&now.instructions));
                found.push(format!("instruction set {then} (now {now})"));
            }
        }
        if self.libtorch != now.libtorch {
            found.push(format!("libtorch {} (now {})", self.libtorch, now.libtorch));
        }
        found
    }

    /// The distinct ones of `all`, in their order.
    pub fn distinct<'a>(all: impl IntoIterator<Item = &'a Self>) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for one in all {
            if !found.contains(one) {
                found.push(one.clone());
            }
        }
        found
    }
}

/// From where on something was computed so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Real images that training had shown by then.
    pub from_images: u64,
    /// How it went on from there.
    pub arithmetic: Arithmetic,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named_with_both_values() {
        let cpu = |threads, instructions: &str| Arithmetic {
            device: "cpu".into(),
            threads: Some(threads),
            instructions: Some(instructions.into()),
            libtorch: "2.11.0".into(),
        };
        assert!(cpu(1, "AVX2").differences(&cpu(1, "AVX2")).is_empty());
        let found = cpu(1, "AVX2").differences(&cpu(4, "AVX512"));
        assert_eq!(found, ["1 thread (now 4)", "instruction set AVX2 (now AVX512)"]);
        let gpu = Arithmetic { device: "H200".into(), threads: None, instructions: None, libtorch: "2.12.0".into() };
        assert_eq!(cpu(1, "AVX2").differences(&gpu), ["device cpu (now H200)", "libtorch 2.11.0 (now 2.12.0)"]);
        let all = [cpu(1, "a"), gpu.clone(), cpu(1, "a")];
        assert_eq!(Arithmetic::distinct(&all), [cpu(1, "a"), gpu]);
        let text = serde_json::to_string(&all[1]).unwrap();
        assert_eq!(text, r#"{"device":"H200","libtorch":"2.12.0"}"#);
        assert_eq!(serde_json::from_str::<Arithmetic>(&text).unwrap(), all[1]);
    }
}
