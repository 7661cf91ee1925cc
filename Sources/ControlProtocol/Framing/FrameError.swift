/// Why a connection cannot go on, or why a message cannot be sent.
public enum FrameError: Error, Equatable, Sendable {
    /// The frame announces more bytes than `FrameCodec.maximumLength`.
    case tooLong(length: Int)
    /// The frame announces no bytes at all.
    case empty
    /// The frame's bytes are not JSON in UTF-8.
    case notJSON
    /// The frame's JSON is a list, a string or the like.
    case notAnObject
    /// The object has no string `type`.
    case noType
    /// The message would be longer than `FrameCodec.maximumLength`; nothing was written.
    case messageTooLong(type: String, length: Int)
    /// The message holds what JSON cannot say, such as an infinite number; nothing was written.
    case notEncodable(type: String, reason: String)
}

extension FrameError: CustomStringConvertible {
    public var description: String {
        let limit = FrameCodec.maximumLength
        return switch self {
        case .tooLong(let length):
            "The peer's frame is too long: \(length) bytes, and at most \(limit) are allowed. "
                + "Check that the peer speaks the control protocol."
        case .empty:
            "The peer's frame is empty. Check that the peer speaks the control protocol."
        case .notJSON:
            "The peer's frame is not JSON in UTF-8. Check that the peer speaks the control protocol."
        case .notAnObject:
            "The peer's frame is JSON but not an object. Check that the peer speaks the control protocol."
        case .noType:
            "The peer's frame has no type. Check that the peer speaks the control protocol."
        case .messageTooLong(let type, let length):
            "The message '\(type)' is too long to send: \(length) bytes, and at most \(limit) are allowed. "
                + "Make the model's arguments and environment shorter."
        case .notEncodable(let type, let reason):
            "The message '\(type)' cannot be written as JSON: \(reason)"
        }
    }
}
