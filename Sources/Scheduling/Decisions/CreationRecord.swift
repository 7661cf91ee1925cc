/// What is kept of a model that was made at run time, beside what every model has.
public struct CreationRecord: Sendable, Equatable {
    /// The model's first engine, while somebody waits for its place: without one, the model is not kept.
    var first: EngineID?
    /// Who waits for the model to be gone; nil: nobody wants it gone.
    var removals: [CommandID]?

    init(first: EngineID? = nil) { self.first = first }
}

extension ModelRecord {
    /// Made at run time, and so can be removed.
    public var isCreated: Bool { creation != nil }
    /// It has no name any more, and ends with what was made for it.
    public var isBeingRemoved: Bool { creation?.removals != nil }
}
