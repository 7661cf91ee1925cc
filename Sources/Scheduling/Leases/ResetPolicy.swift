/// How a worker is made fit for the next engine. Its runtime says it: which is right for a platform is known from
/// measurement.
public enum ResetPolicy: Sendable, Equatable {
    /// It lets go of everything, and is used again if it then owns at most so many bytes more than when it was new.
    case inPlace(toleranceBytes: Int)
    /// It is ended, and another forked.
    case replace
}
