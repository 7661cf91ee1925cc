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
    /// For its processes that fail to come up, or end soon after.
    var forkBackoff = Backoff()
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

extension ModelRecord {
    /// As people and programs are told it. Nil where it has none, or one that was given up.
    public var templateState: String? {
        switch template?.phase {
        case .inspecting, .forking: "starting"
        case .preparing(loading: false): "preparing"
        case .preparing(loading: true): "loading"
        case .ready: "ready"
        case .ending, nil: templateError == nil ? nil : "failed"
        }
    }
}
