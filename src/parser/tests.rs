//! The two paths against one table of rows, and against each other on any bytes.
