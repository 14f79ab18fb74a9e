//! Batches made ahead of time by worker threads.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use super::recipe::{Batch, Recipe};
use crate::error::{Error, Result};

/// Finished batches that wait for each worker's turn.
const AHEAD: usize = 2;

/// The batches of a run, in order.
///
/// Worker w of W makes batches w, w + W, w + 2W, ... and the receiver takes from the workers in
/// turn: the order needs no sorting, and bounded channels bound the memory.
#[derive(Debug)]
pub struct Loader {
    receivers: Vec<Receiver<Result<Batch>>>,
    workers: Vec<JoinHandle<()>>,
    turn: usize,
}

impl Loader {
    /// Starts `workers` threads at batch `first`.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(recipe: &Arc<Recipe>, first: u64, workers: usize) -> Result<Self> {
        let count = workers.max(1);
        let mut loader = Self { receivers: Vec::new(), workers: Vec::new(), turn: 0 };
        for worker in 0..count as u64 {
            let (sender, receiver) = sync_channel(AHEAD);
            let recipe = recipe.clone();
            let work = move || {
                for number in (first + worker..).step_by(count) {
                    let batch = recipe.batch(number);
                    let over = batch.is_err();
                    // The receiver is gone when the run is over.
                    if sender.send(batch).is_err() || over {
                        return;
                    }
                }
            };
            let thread = std::thread::Builder::new().name(format!("loader {worker}")).spawn(work)?;
            loader.receivers.push(receiver);
            loader.workers.push(thread);
        }
        Ok(loader)
    }

    /// The next batch in order; waits for it where it is not ready.
    ///
    /// # Errors
    /// What kept the batch from being made.
    pub fn take(&mut self) -> Result<Batch> {
        let received = self.receivers[self.turn].recv();
        self.turn = (self.turn + 1) % self.receivers.len();
        received.unwrap_or_else(|_| Err(Error::Usage("a loader thread has ended early".into())))
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Closes the channels, which ends the workers at their next send.
        self.receivers.clear();
        for worker in self.workers.drain(..) {
            // A worker that panicked has said so on stderr, and its batch was missed.
            let _ = worker.join();
        }
    }
}
