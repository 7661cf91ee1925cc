/// How far an executor has come, for tests that want it to die there.
enum ExecutorMilestone: String, CaseIterable, Sendable {
    /// It is welcome.
    case hello
    /// It has asked for workers, and has no answer.
    case request
    /// It has workers, and has not connected to any.
    case grant
    /// It is attached to the first rank.
    case attach
    /// It has told a rank to load its part.
    case load
    /// It has told a rank to make its KV cache.
    case keyValueCache = "kv_cache"
    /// All ranks have loaded their parts.
    case ready
    /// It has told a rank to do a step.
    case step
}
