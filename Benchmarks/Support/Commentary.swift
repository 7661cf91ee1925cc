import Foundation

/// What goes on, for whoever watches; not part of the result.
package enum Commentary {
    package static func say(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    package static func milliseconds(_ value: Double) -> String { String(format: "%.1f ms", value) }
}
