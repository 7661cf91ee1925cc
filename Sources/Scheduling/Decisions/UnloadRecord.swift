/// Somebody who waits for a model's end.
struct UnloadRecord: Sendable, Equatable {
    let command: CommandID
    let engines: [EngineID]
    /// The template whose weights are given up with it.
    let template: ProcessID?
}
