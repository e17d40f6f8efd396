//! Whether a drawn rim map lies over the drawn rim.

use crate::records::label::{Contrast, SUSCEPTIBILITY};
use crate::records::synthesis::MapContrast;
use crate::statistics::order::quantile;

/// Pixels about the map that count as its neighbourhood.
const REACH: usize = 4;

/// Susceptibility under the rim map over that of its neighbourhood, where there are both.
pub struct MapMeter {
    size: [usize; 2],
    /// Channels of the susceptibility map and of the rim map.
    channels: Option<[(usize, Contrast); 2]>,
    synthetic: Vec<f64>,
    real: Vec<f64>,
    drawn: u64,
}

impl MapMeter {
    /// For images of `size` (height, width) with these channels.
    pub fn new(contrasts: &[Contrast], size: [usize; 2]) -> Self {
        let find = |name: &str| contrasts.iter().position(|contrast| contrast.name == name);
        let channel = |at: usize| (at, contrasts[at].clone());
        let channels = find(SUSCEPTIBILITY).zip(find("rim")).map(|(map, rim)| [channel(map), channel(rim)]);
        Self { size, channels, synthetic: vec![], real: vec![], drawn: 0 }
    }

    /// `None` where no pixel of the map is above one half.
    fn measure(&self, pixels: &[f32]) -> Option<f64> {
        let [(map, unit), (rim, probability)] = self.channels.as_ref()?;
        let [height, width] = self.size;
        let plane = height * width;
        let ppb = |at: usize| f64::from(unit.window.to_physical(pixels[map * plane + at]));
        let under = |at: usize| probability.window.to_physical(pixels[rim * plane + at]) > 0.5;
        let near = |at: usize| {
            let (x, y) = (at % width, at / width);
            let columns = x.saturating_sub(REACH)..(x + REACH + 1).min(width);
            (y.saturating_sub(REACH)..(y + REACH + 1).min(height))
                .any(|y| columns.clone().any(|x| under(y * width + x)))
        };
        let inside: Vec<f64> = (0..plane).filter(|&at| under(at)).map(ppb).collect();
        let around: Vec<f64> = (0..plane).filter(|&at| !under(at) && near(at)).map(ppb).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        (!inside.is_empty() && !around.is_empty()).then(|| mean(&inside) - mean(&around))
    }

    /// Adds an image \[C, height, width\] in the network's range, as does `real`.
    pub fn synthetic(&mut self, pixels: &[f32]) {
        self.drawn += 1;
        self.synthetic.extend(self.measure(pixels));
    }

    /// Adds a training image.
    pub fn real(&mut self, pixels: &[f32]) {
        self.real.extend(self.measure(pixels));
    }

    /// `None` without the channels, or where no image had a map.
    pub fn summary(mut self) -> Option<MapContrast> {
        if self.synthetic.is_empty() || self.real.is_empty() {
            return None;
        }
        let quartiles = |values: &mut Vec<f64>| {
            values.sort_by(f64::total_cmp);
            (quantile(values, 0.25), quantile(values, 0.5), quantile(values, 0.75))
        };
        Some(MapContrast {
            synthetic_with_map: self.synthetic.len() as f64 / self.drawn as f64,
            synthetic: quartiles(&mut self.synthetic),
            real: quartiles(&mut self.real),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::label::Window;

    #[test]
    fn a_map_over_a_rim_of_20_ppb_says_20() {
        let contrast = |name: &'static str, low, high| Contrast {
            name: name.into(),
            unit: String::new(),
            window: Window { low, high },
        };
        let contrasts = [contrast("chimap", -100.0, 100.0), contrast("rim", 0.0, 1.0)];
        let on = |at: usize| (3..6).contains(&(at % 16));
        let mut image: Vec<f32> = (0..256).map(|at| if on(at) { 0.2 } else { 0.0 }).collect();
        image.extend((0..256).map(|at| if on(at) { 1.0 } else { -1.0 }));
        let mut meter = MapMeter::new(&contrasts, [16, 16]);
        meter.synthetic(&image);
        meter.synthetic(&[vec![0.0; 256], vec![-1.0; 256]].concat());
        meter.real(&image);
        let found = meter.summary().unwrap();
        assert!((found.synthetic.1 - 20.0).abs() < 1e-4 && (found.real.1 - 20.0).abs() < 1e-4, "{found:?}");
        assert_eq!(found.synthetic_with_map, 0.5);
        assert!(MapMeter::new(&contrasts[..1], [16, 16]).summary().is_none());
    }
}
