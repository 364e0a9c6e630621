"""What people look at and press."""

from events.types import EventType, register

register(
    EventType(
        "page.viewed", "Page viewed", triggers="views a page", filters="viewed a page",
        aliases=["Page Viewed", "Viewed Page", "Loaded a Page", "Screen Viewed", "Viewed Screen"],
        properties={
            "name": "text", "url": "text", "path": "text", "title": "text", "referrer": "text",
            "search": "text", "category": "text", "screen": "text",
        },
    ),
    EventType(
        "article.viewed", "Article viewed", triggers="views an article", filters="viewed an article",
        aliases=["Article Viewed", "Article Read", "Viewed Article"],
        properties={"article_id": "text", "title": "text", "category": "text", "url": "text"},
    ),
    EventType(
        "video.watched", "Video watched", triggers="watches a video", filters="watched a video",
        aliases=["Video Watched", "Video Playback Completed", "Video Content Completed", "Watched Video"],
        properties={"video_id": "text", "title": "text", "seconds": "number", "percent": "number"},
    ),
    EventType(
        "button.clicked", "Button clicked", triggers="clicks a button", filters="clicked a button",
        aliases=["Button Clicked", "Clicked Button", "CTA Clicked"],
        properties={"name": "text", "url": "text"},
    ),
    EventType(
        "form.submitted", "Form submitted", triggers="submits a form", filters="submitted a form",
        aliases=["Form Submitted", "Submitted Form"],
        properties={"form": "text", "url": "text"},
    ),
)  # fmt: skip
