import ArgumentParser
import Foundation

/// Where a controller answers: the base of its URLs, without a slash at its end.
struct ControllerAddress: Sendable, Equatable, CustomStringConvertible, ExpressibleByArgument {
    let description: String

    static let standard = ControllerAddress(checked: "http://127.0.0.1:8000")

    private init(checked: String) { description = checked }

    /// - Parameter argument: `http://HOST:PORT`, or `HOST:PORT` alone.
    init?(argument: String) {
        var text = argument.contains("://") ? argument : "http://" + argument
        while text.hasSuffix("/") { text.removeLast() }
        guard let url = URL(string: text), let scheme = url.scheme, ["http", "https", "http+unix"].contains(scheme),
            let host = url.host, !host.isEmpty
        else { return nil }
        description = text
    }
}
