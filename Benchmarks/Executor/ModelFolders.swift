import BenchmarkSupport

/// The models that are measured with.
struct ModelFolders {
    let small: ModelFolder
    /// Not much larger, and what two workers can share.
    let divisible: ModelFolder
    /// One whose weights take longer to read than a core's cache lasts.
    let large: ModelFolder
}
