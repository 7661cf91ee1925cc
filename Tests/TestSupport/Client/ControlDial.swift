import Foundation
import Glibc

/// A connection to a controller's control socket that says what it likes.
public final class ControlDial {
    private let descriptor: Int32

    public init(_ folder: ControllerFolder) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw TestFailure("socket: \(String(cString: strerror(errno)))") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) {
            $0.copyBytes(from: (folder.runDirectory + "/control.sock").utf8)
        }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw TestFailure("connect: \(String(cString: strerror(errno)))") }
        // Reads are bounded: a controller that neither answers nor closes is a failure.
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Says nothing any more: the controller sees the connection's end.
    public func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    public func send(_ bytes: [UInt8]) throws {
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw TestFailure("send: \(String(cString: strerror(errno)))")
        }
    }

    /// Sends a frame with this JSON.
    public func send(frame json: String) throws {
        let bytes = Array(json.utf8)
        try send(withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { Array($0) } + bytes)
    }

    /// So many bytes of what the controller says.
    func exactly(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let more = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress?.advanced(by: filled), count - filled)
            }
            guard more != 0 else { throw TestFailure("the connection has ended") }
            guard more > 0 else { throw TestFailure("nothing came: \(String(cString: strerror(errno)))") }
            filled += more
        }
        return bytes
    }

    /// All that the controller says until it ends the connection.
    public func readToEnd() throws -> String {
        var all: [UInt8] = []
        while true {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 || (count < 0 && errno == ECONNRESET) { return String(decoding: all, as: UTF8.self) }
            guard count > 0 else { throw TestFailure("the connection stays open: \(String(cString: strerror(errno)))") }
            all += buffer.prefix(count)
        }
    }
}
