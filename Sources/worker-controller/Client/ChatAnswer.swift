import Scheduling

/// What a streamed chat completion said, and how long it took.
struct ChatAnswer: Sendable {
    var text = ""
    /// Where the model stood when the request came, as the gateway says it.
    var tier: String?
    /// What the request waited for, as the gateway says it.
    var stages: [StageTime] = []
    /// From sending the request to the first text, measured here.
    var timeToFirstToken: Duration?
    /// From the first text to the last.
    var decodeTime: Duration = .zero
    /// As the engine counted; where it did not, the pieces of text that came.
    var tokens = 0

    /// Absent where there is nothing to divide.
    var tokensPerSecond: Double? {
        tokens > 1 && decodeTime > .zero ? Double(tokens - 1) / decodeTime.seconds : nil
    }
}
