//! Network files, pickles and arrays that are not what they say, or made to do harm.
