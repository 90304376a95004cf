//! The node's side of the store: where an arriving block belongs, and threads for work that blocks.
//!
//! Everything that touches the disk or hashes a block runs on tokio's threads for blocking work, and only a few at once: more threads would not make
//! one disk faster, and each has a stack.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use peerglass_store::{Block, BlockSource, Cid, DiskStore, Download, DownloadError, Local, ReadError, StorageError};
use peerglass_trace::Cause;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};

use crate::asked::Asked;
use crate::driver::inputs::Input;
use crate::streams::frame::Budget;

/// Pieces of blocking work at once.
const THREADS: usize = 4;
/// What all peers together may hold of blocks that were read and are not written yet.
const SENDING: usize = 32 << 20;
/// Lookups that may wait.
const LOOKUPS: usize = 4096;
/// Lookups answered in one go.
const BATCH: usize = 128;

/// The store, as stream tasks and the driver use it.
pub(crate) struct Disk {
    store: DiskStore,
    /// Where blocks come from that others ask for, if not from the store.
    source: Option<Arc<dyn BlockSource>>,
    sending: Budget,
    threads: Arc<Semaphore>,
    downloads: RwLock<Vec<Arc<Active>>>,
    asked: Mutex<Asked>,
}

impl Disk {
    pub(crate) fn new(store: DiskStore, source: Option<Arc<dyn BlockSource>>) -> Self {
        Self {
            store,
            source,
            sending: Budget::new(SENDING),
            threads: Arc::new(Semaphore::new(THREADS)),
            downloads: RwLock::default(),
            asked: Mutex::default(),
        }
    }

    /// Memory for blocks on their way out. Apart from that of frames on their way in, so that peers who do not read cannot keep us from reading.
    pub(crate) fn sending(&self) -> &Budget {
        &self.sending
    }

    pub(crate) fn store(&self) -> &DiskStore {
        &self.store
    }

    /// Runs `work` on a thread for blocking work. Fails if it panics.
    pub(crate) async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
        // The semaphore is never closed; work without a place would only be slower.
        let place = Arc::clone(&self.threads).acquire_owned().await.ok();
        tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        })
        .await
    }

    /// What was asked of whom.
    pub(crate) fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a block, if it is here and can be served, or why not. A download that it belongs to takes it in, wherever it was. Blocks.
    pub(crate) fn local(&self, cid: &Cid) -> Result<Local, ReadError> {
        let mut found = None;
        for active in self.active_for(cid) {
            match active.download.local(cid) {
                Ok(local) => found = found.or(local),
                Err(error) => active.fail(error),
            }
        }
        match (found, &self.source) {
            (Some(local), _) => Ok(local),
            (None, Some(source)) => source.local(cid).ok_or(ReadError::NotFound(*cid)),
            (None, None) => self.store.find(cid),
        }
    }

    /// The bytes of a block for others, verified if they come from the store. Blocks.
    pub(crate) fn read(&self, cid: &Cid) -> Result<Bytes, ReadError> {
        self.source.as_ref().map_or_else(|| self.store.read(cid), |source| source.read(cid))
    }

    /// Whether the store has the block. Blocks.
    pub(crate) fn has(&self, cid: &Cid) -> bool {
        self.store.contains(cid).unwrap_or(false)
    }

    /// Puts a block where it belongs: into the files that are being downloaded, or else into the store. Blocks.
    pub(crate) fn keep(&self, block: &Block) -> Result<(), StorageError> {
        let active = self.active_for(block.cid());
        if active.is_empty() {
            return self.store.put(block);
        }
        for active in active {
            if let Err(error) = active.download.accept(block) {
                active.fail(error);
            }
        }
        Ok(())
    }

    /// Blocks that belong to `download` go there until what this returns is dropped.
    pub(crate) fn begin(self: &Arc<Self>, download: Download) -> Running {
        let active = Arc::new(Active { download, failure: Mutex::default(), failed: Notify::new() });
        self.downloads.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&active));
        Running { disk: Arc::clone(self), active }
    }

    fn active_for(&self, cid: &Cid) -> Vec<Arc<Active>> {
        let downloads = self.downloads.read().unwrap_or_else(PoisonError::into_inner);
        downloads.iter().filter(|active| active.download.concerns(cid)).cloned().collect()
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("store", &self.store).finish_non_exhaustive()
    }
}

/// A download that blocks are put into.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) download: Download,
    failure: Mutex<Option<DownloadError>>,
    failed: Notify,
}

impl Active {
    fn fail(&self, error: DownloadError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.notify_one();
    }
}

/// A download, as long as blocks may come for it.
pub(crate) struct Running {
    disk: Arc<Disk>,
    active: Arc<Active>,
}

impl Running {
    pub(crate) fn active(&self) -> &Arc<Active> {
        &self.active
    }

    /// Waits until something goes wrong with it.
    pub(crate) async fn failed(&self) -> DownloadError {
        loop {
            if let Some(error) = self.active.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return error;
            }
            self.active.failed.notified().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut downloads = self.disk.downloads.write().unwrap_or_else(PoisonError::into_inner);
        downloads.retain(|active| !Arc::ptr_eq(active, &self.active));
    }
}

/// Starts the task that answers "is this block here?", many questions in one go. Each comes with what led to it, which goes back with its answer.
pub(crate) fn librarian(disk: Arc<Disk>, inputs: mpsc::Sender<Input>, tasks: &mut JoinSet<()>) -> mpsc::Sender<(Cid, Cause)> {
    let (questions, mut asked) = mpsc::channel::<(Cid, Cause)>(LOOKUPS);
    tasks.spawn(async move {
        let mut batch = Vec::new();
        while asked.recv_many(&mut batch, BATCH).await > 0 {
            let questions = std::mem::take(&mut batch);
            let at = Arc::clone(&disk);
            let look = move || questions.into_iter().map(|(cid, cause)| (cid, at.local(&cid), cause)).collect::<Vec<_>>();
            let Ok(looked) = disk.blocking(look).await else { return };
            // Whose file it was should hear that it changed, even if nobody comes to read it.
            for input in looked.iter().filter_map(|(cid, found, _)| Input::unreadable(*cid, found.as_ref().err()?)) {
                if inputs.send(input).await.is_err() {
                    return;
                }
            }
            let found = looked.into_iter().map(|(cid, found, cause)| (cid, found.ok(), cause)).collect();
            if inputs.send(Input::Found(found)).await.is_err() {
                return;
            }
        }
    });
    questions
}
