import Scheduling

/// What the supervisor knows of one RemoteExecutor: its connection is what its lease hangs on.
struct SupervisedExecutor {
    let id: ExecutorID
    let pid: Int
    let connection: ControlConnection
    /// Where it belongs; nil where a user started its process.
    let home: Home?
    /// The id of its `hello`, until that is answered.
    var unansweredHello: Int?
    /// Those that it was given last; of one of ours, its core knows them.
    var workers: [ProcessID] = []

    /// The core that it is in, and that one's engine.
    struct Home {
        let core: ProcessID
        let engine: EngineID
        let generation: Generation
    }
}
