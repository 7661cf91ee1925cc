import Foundation

/// Standard output and error, written through at once: a token is seen when it comes.
enum Terminal {
    /// - Throws: when nobody reads any more.
    static func write(_ text: String) throws(ClientError) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            throw .failed("cannot write to standard output: it is closed, or its disk is full")
        }
    }

    /// Writes one line to standard error. There is nobody left to tell if that fails.
    static func complain(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }
}
