import ControlProtocol
import Scheduling

/// What the supervisor knows of one process.
struct SupervisedProcess {
    let id: ProcessID
    let role: ProcessRole
    let runtime: RuntimeName
    let log: String
    /// Nil for a zygote.
    var place: DeviceSpecification?
    let madeAt = ContinuousClock.now
    var record: ProcessRecordFile
    /// Absent until its pid is known.
    var watch: ProcessWatch?
    /// Absent while it has not dialled in.
    var connection: ControlConnection?
    /// Happens with the end of its present connection.
    var connectionEnd = OneShot()
    /// Whether the answer to a ping of `takePulses` is awaited.
    var isAskedForLife = false
    /// Why we killed it, where that says more than the signal.
    var killedBecause: String?
    /// How it ended, as its parent says, and that it was said.
    var exit: String?
    let exitReported = OneShot()
    let gone = OneShot()
    /// The other process of its engine, once it has one.
    var peer: ProcessID?
    /// Those that the executor in it was given last.
    var workers: [ProcessID] = []
    /// The stage of its start that ended last.
    var lastStage: String?
    /// Of a core that was parked: happens with the last stage of its workers' return.
    var workersReturned: OneShot?
    var greetedAt: ContinuousClock.Instant?
    /// To be ended as soon as its pid is known.
    var mustEnd = false
    var versions: [String: String] = [:]
    /// Of a worker.
    var reset = ResetPolicy.replace
    var privateBytes: Int?
    /// When it was last asked for these because somebody looks at them.
    var refreshedAt: ContinuousClock.Instant?

    var name: String { "\(role.rawValue) \(id)" + (watch.map { " (pid \($0.pid))" } ?? "") }
}
