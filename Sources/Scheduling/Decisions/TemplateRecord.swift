/// A model's template: from the wish for it until all that was made for it is gone.
public struct TemplateRecord: Sendable, Equatable {
    public enum Phase: Sendable, Equatable {
        /// The model folder is being looked at; there is no process yet.
        case inspecting
        case forking
        /// It takes the model in; `loading`: with its weights.
        case preparing(loading: Bool)
        case ready
        /// Given up or failed: it and its idle processes are being ended.
        case ending
    }

    public internal(set) var phase = Phase.inspecting
    /// When the phase began.
    public internal(set) var since: Moment
    public internal(set) var process: ProcessID?
    public internal(set) var device: DeviceID?
    /// Whether it holds the model's weights.
    public internal(set) var isLoaded = false
    /// Of the model folder, read before anything was made of it.
    public internal(set) var fingerprint: String?
    public internal(set) var weightBytes = 0
    /// What it and its idle processes hold, in bytes; counted against its device if that is a CPU.
    public internal(set) var footprint = 0
    public internal(set) var isMeasured = false
    /// What its making consisted of, in order.
    public internal(set) var stages: [StageTime] = []
    public internal(set) var readyAt: Moment?
    /// Made for somebody who waits for the model's sleep: ahead of the others.
    var isUrgent = false
    /// Processes in a row that failed to come up, or soon after.
    var childFailures = 0
    var lastChildFailure: Moment?

    init(since: Moment, isUrgent: Bool) {
        self.since = since
        self.isUrgent = isUrgent
    }

    var isEnding: Bool { phase == .ending }
    /// Being made ahead of any wish for it.
    var isBackgroundWork: Bool {
        switch phase {
        case .inspecting, .forking, .preparing(loading: false): !isUrgent
        case .preparing(loading: true), .ready, .ending: false
        }
    }
    /// Has the weights, or is getting them.
    var takesWeights: Bool { isLoaded || phase == .preparing(loading: true) }
}

/// A model on its way to sleep in the host's memory.
struct SleepRecord: Sendable, Equatable {
    enum Step: Sendable, Equatable {
        /// Its engine is going, or a template that is of no use any more.
        case clearing
        /// The model folder is being looked at: weights that are loaded may be old ones.
        case inspecting
        /// Its template is being made, or loads the weights.
        case loading
    }

    var step = Step.clearing
    /// Who waits for it; empty: its engine was idle for long.
    var commands: [CommandID]
    /// The engine that has to go first.
    let engine: EngineID?
    let deadline: Moment
}

/// Somebody who waits for a model's end.
struct UnloadRecord: Sendable, Equatable {
    let command: CommandID
    let engine: EngineID?
    /// The template whose weights are given up with it.
    let template: ProcessID?
}
