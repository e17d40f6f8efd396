//! 2. Tensors to tensors.
