/// Why an executor has no workers, or has them no more.
enum ExecutorError: Error, CustomStringConvertible {
    case noController(path: String, reason: String)
    /// The controller does not want this executor.
    case refused(reason: String)
    case leaseRefused(reason: String)
    case deadlinePassed(what: String)
    case unexpected(answer: String)
    /// A worker ended, or cannot be used.
    case worker(process: String, rank: Int, reason: String)
    /// The controller took the workers away.
    case revoked
    case noLease

    var description: String {
        switch self {
        case .noController(let path, let reason): "no controller at \(path): \(reason)"
        case .refused(let reason): "refused by the controller: \(reason)"
        case .leaseRefused(let reason): "no workers: \(reason)"
        case .deadlinePassed(let what): "no answer in time to \(what)"
        case .unexpected(let answer): "an unexpected answer: \(answer)"
        case .worker(let process, let rank, let reason): "worker \(process) of rank \(rank): \(reason)"
        case .revoked: "the controller took the workers away"
        case .noLease: "the executor has no workers"
        }
    }

    /// How a process ends that cannot go on because of it.
    var processEnd: ProcessEnd {
        switch self {
        case .refused: .refused
        case .leaseRefused: .leaseRefused
        case .worker: .workersLost
        case .revoked: .revoked
        case .noController, .deadlinePassed, .unexpected, .noLease: .failed
        }
    }
}
