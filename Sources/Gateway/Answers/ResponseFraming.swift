import NIOHTTP1

/// How the end of a response is told to the client.
enum ResponseFraming: Equatable {
    /// There is no body, whatever the headers say.
    case none
    case contentLength
    case chunked
    /// The connection's end is the body's end: all that HTTP/1.0 has where the length is not known.
    case untilClose

    init(method: HTTPMethod, version: HTTPVersion, status: HTTPResponseStatus, hasLength: Bool) {
        if method == .HEAD || status.code < 200 || status == .noContent || status == .notModified {
            self = .none
        } else if hasLength {
            self = .contentLength
        } else {
            self = version == .http1_0 ? .untilClose : .chunked
        }
    }
}
