import Foundation

/// How a process of this runtime ends; the raw value is its exit status. The first five are the same in the vLLM runtime, the
/// last three are those of `simulated-runtime executor`.
enum ProcessEnd: Int32 {
    /// The controller asked for it.
    case stopped = 0
    case failed = 1
    /// No controller was there for too long.
    case orphaned = 3
    /// The controller does not want it.
    case refused = 4
    /// The other process of the engine ended.
    case alone = 5
    /// The controller has no workers for it.
    case leaseRefused = 6
    /// A worker ended.
    case workersLost = 7
    /// The controller took the workers away.
    case revoked = 8
}

/// Ends the process at once. Nothing in it is worth an orderly end: its log is not buffered, its files are the
/// controller's to sweep.
func endProcess(_ end: ProcessEnd) -> Never {
    _exit(end.rawValue)
}

/// The system's words for an error number.
func errnoText(_ number: Int32) -> String {
    String(cString: strerror(number))
}
