//! Values on their way between the host and a device, without either waiting for the other.

use tch::{Device, Kind, Tensor};

use super::fused::{handle, own};
use super::stream::Event;
use super::{checked, ffi};
use crate::problem::Result;

/// Host buffers that take turns: one is filled while the other is on its way.
const BUFFERS: usize = 2;

/// Values to a multiple of which each tensor is shifted in the buffer.
const ALIGNMENT: i64 = 64;

/// Host values on their way to fixed float32 tensors of a device, in one copy.
#[derive(Debug)]
pub struct Upload {
    to: Tensor,
    /// First value and number of values of each tensor.
    places: Vec<(i64, i64)>,
    buffers: Vec<Buffer>,
    next: usize,
}

#[derive(Debug)]
struct Buffer {
    /// Pinned where the device is a GPU.
    host: Tensor,
    /// Where it was last read.
    read: Option<Event>,
}

impl Upload {
    /// For tensors of so many values each.
    ///
    /// # Errors
    /// The GPU does not answer.
    pub fn new(lengths: &[i64], device: Device) -> Result<Self> {
        let mut end = 0;
        let place = |&length: &i64| {
            let first = end;
            end += (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            (first, length)
        };
        let places = lengths.iter().map(place).collect();
        let to = Tensor::zeros([end], (Kind::Float, device));
        let buffer = || Ok(Buffer { host: pinned_like(&to), read: Event::new(device)? });
        let buffers = (0..BUFFERS).map(|_| buffer()).collect::<Result<_>>()?;
        Ok(Self { to, places, buffers, next: 0 })
    }

    /// Where the values of each tensor arrive, float32 \[length\]; the same storage for good.
    pub fn arrivals(&self) -> impl Iterator<Item = Tensor> + '_ {
        self.places.iter().map(|&(first, length)| self.to.narrow(0, first, length))
    }

    /// Sends host tensors, one for each length, after the work that this thread has asked for so far. Waits only for
    /// the send before the last.
    ///
    /// # Errors
    /// The GPU reports a failure.
    pub fn send(&mut self, tensors: &[Tensor]) -> Result<()> {
        assert_eq!(tensors.len(), self.places.len(), "tensors sent");
        let buffer = &mut self.buffers[self.next];
        self.next = (self.next + 1) % BUFFERS;
        if let Some(read) = &buffer.read {
            read.wait()?;
        }
        for (tensor, &(first, length)) in tensors.iter().zip(&self.places) {
            buffer.host.narrow(0, first, length).copy_(&tensor.reshape([-1]));
        }
        copy(&self.to, &buffer.host)?;
        buffer.read.as_mut().map_or(Ok(()), Event::record)
    }
}

/// The values of a device's tensor on their way to the host, to be read some time later.
#[derive(Debug)]
pub struct Download {
    host: Tensor,
    arrived: Option<Event>,
}

impl Download {
    /// For tensors like `like`; zeros until the first [`Download::start`].
    ///
    /// # Errors
    /// The GPU does not answer.
    pub fn new(like: &Tensor) -> Result<Self> {
        let host = pinned_like(like);
        let _ = host.shallow_clone().zero_();
        Ok(Self { host, arrived: Event::new(like.device())? })
    }

    /// Takes the values that `from` has after the work that this thread has asked for so far.
    ///
    /// # Errors
    /// The GPU reports a failure.
    pub fn start(&mut self, from: &Tensor) -> Result<()> {
        copy(&self.host, from)?;
        self.arrived.as_mut().map_or(Ok(()), Event::record)
    }

    /// What the last start took, as a host tensor that the next start overwrites.
    ///
    /// # Errors
    /// The GPU reports a failure.
    pub fn values(&self) -> Result<&Tensor> {
        self.arrived.as_ref().map_or(Ok(()), Event::wait)?;
        Ok(&self.host)
    }

    /// What the next [`Download::values`] gives instead.
    ///
    /// # Errors
    /// The GPU reports a failure.
    pub fn replace(&mut self, values: &Tensor) -> Result<()> {
        self.values()?;
        self.host.copy_(values);
        Ok(())
    }
}

fn pinned_like(tensor: &Tensor) -> Tensor {
    // SAFETY: a live tensor's pointer, of which the shim reads shape, kind and device.
    own(unsafe { ffi::rf_pinned_like(handle(Some(tensor))) }, tensor)
}

fn copy(to: &Tensor, from: &Tensor) -> Result<()> {
    // SAFETY: both pointers are live tensors'; who reads or drops the host's waits for an event first.
    let status = unsafe { ffi::rf_copy_async(handle(Some(to)), handle(Some(from))) };
    checked(status == 0, "copying between host and GPU")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_arrive_in_the_same_places() {
        let mut upload = Upload::new(&[2, 1], Device::Cpu).unwrap();
        let places: Vec<Tensor> = upload.arrivals().collect();
        for value in 0..5 {
            let tensors = [Tensor::from_slice(&[value as f32, 1.0]).view([2, 1]), Tensor::from(2f32)];
            upload.send(&tensors).unwrap();
            let found: Vec<Vec<f32>> = places.iter().map(|place| Vec::try_from(place).unwrap()).collect();
            assert_eq!(found, [vec![value as f32, 1.0], vec![2.0]]);
        }
    }

    #[test]
    fn a_download_holds_what_was_there_at_its_start() {
        let mut source = Tensor::from_slice(&[1f64, 2.0]);
        let mut download = Download::new(&source).unwrap();
        assert_eq!(Vec::<f64>::try_from(download.values().unwrap()).unwrap(), [0.0, 0.0]);
        download.start(&source).unwrap();
        let _ = source.zero_();
        assert_eq!(Vec::<f64>::try_from(download.values().unwrap()).unwrap(), [1.0, 2.0]);
        download.replace(&Tensor::from_slice(&[5f64, 6.0])).unwrap();
        assert_eq!(Vec::<f64>::try_from(download.values().unwrap()).unwrap(), [5.0, 6.0]);
    }
}
