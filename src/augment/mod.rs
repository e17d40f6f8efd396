//! 3. The differentiable augmentation and its controller.
